// Resource limits of a process (getrlimit(2)).
import { MAX_DESCRIPTORS, MOST_DESCRIPTORS } from "./file/descriptor_table.ts";

/** Numbers of the resources. */
export const RLIMIT = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  AS: 9,
  LOCKS: 10,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
  RTTIME: 15,
} as const;

export interface Limit {
  soft: number;
  hard: number;
}

export type Limits = Limit[];

/** Size of a program's stack, in bytes. */
export const STACK_BYTES = 8 << 20;
/** Threads and processes that one user may have. */
export const MAX_THREADS = 8192;

/** What a program of the manifest begins with. */
export function defaultLimits(): Limits {
  const limits = Array.from({ length: 16 }, () => ({ soft: Infinity, hard: Infinity }));
  limits[RLIMIT.STACK] = { soft: STACK_BYTES, hard: Infinity };
  limits[RLIMIT.CORE] = { soft: 0, hard: Infinity };
  limits[RLIMIT.NPROC] = { soft: MAX_THREADS, hard: MAX_THREADS };
  limits[RLIMIT.NOFILE] = { soft: MAX_DESCRIPTORS, hard: MOST_DESCRIPTORS };
  limits[RLIMIT.MEMLOCK] = { soft: 8 << 20, hard: 8 << 20 };
  limits[RLIMIT.MSGQUEUE] = { soft: 819_200, hard: 819_200 };
  limits[RLIMIT.NICE] = { soft: 0, hard: 0 };
  limits[RLIMIT.RTPRIO] = { soft: 0, hard: 0 };
  return limits;
}
