// Process groups and sessions (credentials(7), setpgid(2), setsid(2)).
import { E, fail } from "../errno.ts";
import type { Handlers } from "./handler.ts";
import type { Process } from "./process.ts";

/** The process of a number, 0 being the caller. @throws Errno ESRCH */
export function processOf(process: Process, pid: number): Process {
  return pid === 0 ? process : process.kernel.process(pid) ?? fail(E.ESRCH);
}

/** A process may move itself and, until they run another program, its children. */
function setpgid(process: Process, pid: number, wanted: number): number {
  if (wanted < 0) fail(E.EINVAL);
  const target = processOf(process, pid);
  if (target !== process) {
    if (target.parent !== process) fail(E.ESRCH);
    if (target.session !== process.session) fail(E.EPERM);
    if (target.executed) fail(E.EACCES);
  }
  if (target.session === target.pid) fail(E.EPERM);
  const group = wanted === 0 ? target.pid : wanted;
  if (group !== target.pid) {
    const members = [...process.kernel.all].filter((each) => each.group === group);
    if (!members.some((each) => each.session === process.session)) fail(E.EPERM);
  }
  target.group = group;
  return 0;
}

function setsid(process: Process): number {
  const { pid } = process;
  for (const each of process.kernel.all) if (each.group === pid) fail(E.EPERM);
  process.session = process.group = pid;
  return pid;
}

export const sessionCalls: Handlers = {
  setpgid,
  setsid,
  getpgid: (process: Process, pid: number) => processOf(process, pid).group,
  getsid: (process: Process, pid: number) => processOf(process, pid).session,
};
