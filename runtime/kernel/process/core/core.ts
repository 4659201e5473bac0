// What is kept of a process that a signal ends with a core (core(5)): what its threads were doing when the signal
// came. Its memory is looked at when they have ended, before it is given up.
import { RLIMIT } from "../limits.ts";
import type { Process } from "../process.ts";
import type { SignalInfo, SignalSet } from "../signal/signal.ts";
import type { Thread } from "../thread.ts";

/** A core is not begun where not even so much of it may be written. */
const LEAST_BYTES = 4096;

/** Set in the status of a process that has left a core (WCOREDUMP of wait(2)). */
export const CORE_FLAG = 0x80;

/** A thread when the signal came. */
export interface CoreThread {
  tid: number;
  /** `struct user_regs_struct` */
  general: Uint8Array;
  /** `struct __riscv_d_ext_state` */
  floating: Uint8Array;
  pending: SignalSet;
  mask: SignalSet;
  userNs: number;
  systemNs: number;
}

export interface Core {
  /** what ended the process */
  info: SignalInfo;
  /** the one that got the signal is the first */
  threads: CoreThread[];
}

function coreThread({ tid, pending, mask, userNs, systemNs, host }: Thread): CoreThread[] {
  const registers = host.registerSets;
  if (registers === undefined) return [];
  return [{ tid, ...registers, pending: pending.set, mask, userNs, systemNs }];
}

/** @param thread which got the signal @returns nothing where no core is to be written */
export function takeCore(process: Process, thread: Thread, info: SignalInfo): Core | undefined {
  const wanted = process.limits[RLIMIT.CORE].soft >= LEAST_BYTES;
  if (!wanted || process.settings.dumpable !== 1 || process.memory === undefined) return undefined;
  const others = [...process.threads].filter((each) => each !== thread);
  return { info, threads: [thread, ...others].flatMap(coreThread) };
}
