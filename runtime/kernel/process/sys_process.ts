// Calls about the process itself, time and randomness.
import type { Coroutine } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { Handlers } from "./handler.ts";
import type { Process } from "./process.ts";

const CLOCK_REALTIME = 0;
const MONOTONIC_CLOCKS = [1, 4, 6, 7];
const COARSE_REALTIME = 5;
const TIMER_ABSTIME = 1;
const UTSNAME_FIELD_BYTES = 65;

/** @param out seconds and nanoseconds */
function clockGettime(process: Process, clock: number, out: BigInt64Array): number {
  const { environment } = process.kernel;
  let ns: bigint;
  if (clock === CLOCK_REALTIME || clock === COARSE_REALTIME) ns = environment.realtimeNs();
  else if (MONOTONIC_CLOCKS.includes(clock)) ns = BigInt(Math.floor(environment.nowNs()));
  else return fail(E.EINVAL);
  out[0] = ns / 1_000_000_000n;
  out[1] = ns % 1_000_000_000n;
  return 0;
}

function* clockNanosleep(
  process: Process,
  clock: number,
  flags: number,
  durationNs: number,
): Coroutine<number> {
  const { environment } = process.kernel;
  if (!(durationNs >= 0)) fail(E.EINVAL);
  let wait = durationNs;
  if ((flags & TIMER_ABSTIME) !== 0) {
    wait = durationNs -
      (clock === CLOCK_REALTIME ? Number(environment.realtimeNs()) : environment.nowNs());
  }
  if (wait > 0) yield* environment.tasks.sleep(wait);
  return 0;
}

function getrandom(process: Process, into: Uint8Array): number {
  process.kernel.environment.random(into);
  return into.length;
}

function uname(_process: Process, out: Uint8Array): number {
  const fields = ["Linux", "virtuos", "6.12.0", "#1 VirtuOS", "riscv64", "(none)"];
  out.fill(0);
  fields.forEach((field, index) => {
    for (let at = 0; at < field.length; at++) {
      out[index * UTSNAME_FIELD_BYTES + at] = field.charCodeAt(at);
    }
  });
  return 0;
}

function umask(process: Process, mask: number): number {
  const old = process.umask;
  process.umask = mask & 0o777;
  return old;
}

export const processCalls: Handlers = {
  getpid: (process: Process) => process.pid,
  gettid: (process: Process) => process.pid,
  getppid: (process: Process) => process.ppid,
  getuid: (process: Process) => process.credential.uid,
  geteuid: (process: Process) => process.credential.uid,
  getgid: (process: Process) => process.credential.gid,
  getegid: (process: Process) => process.credential.gid,
  sched_yield: () => 0,
  umask,
  uname,
  getrandom,
  clock_gettime: clockGettime,
  clock_nanosleep: clockNanosleep,
};
