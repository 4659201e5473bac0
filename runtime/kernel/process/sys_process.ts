// Calls about the process itself, and randomness.
import { E, fail } from "../errno.ts";
import type { Handlers } from "./handler.ts";
import type { Process } from "./process.ts";

/** GRND_NONBLOCK, GRND_RANDOM and GRND_INSECURE: there is always enough. */
const RANDOM_FLAGS = 7;

function getrandom(process: Process, into: Uint8Array, _length: number, flags = 0): number {
  if ((flags & ~RANDOM_FLAGS) !== 0) fail(E.EINVAL);
  process.kernel.environment.random(into);
  return into.length;
}

function umask(process: Process, mask: number): number {
  const old = process.umask;
  process.umask = mask & 0o777;
  return old;
}

export const processCalls: Handlers = {
  getpid: (process: Process) => process.pid,
  getppid: (process: Process) => process.ppid,
  sched_yield: () => 0,
  umask,
  getrandom,
};
