// Calls about the process itself, the system's name, and randomness.
import type { Handlers } from "./handler.ts";
import type { Process } from "./process.ts";

const UTSNAME_FIELD_BYTES = 65;

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
  getppid: (process: Process) => process.ppid,
  sched_yield: () => 0,
  umask,
  uname,
  getrandom,
};
