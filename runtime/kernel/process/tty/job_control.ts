// Who may use a terminal, and who is told when it goes (credentials(7), setsid(2), tty_ioctl(4)): sessions
// with the terminals that control them, process groups in the foreground, in the background, and orphaned.
import { E, fail } from "../../errno.ts";
import type { Process } from "../process.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { bit, SI, SIG, type SignalInfo } from "../signal/signal.ts";
import { signalGroup } from "../signal/sys_signal.ts";
import type { Tty } from "./tty.ts";

function fromKernel(signal: number): SignalInfo {
  return { signal, code: SI.KERNEL, pid: 0, uid: 0 };
}

function membersOf(kernel: ProcessKernel, group: number): Process[] {
  return [...kernel.all].filter((each) => each.group === group && each.ended === undefined);
}

/** Whether nobody of its session, outside it, could let a process group go on: then it must not stop. */
function isOrphaned(kernel: ProcessKernel, group: number): boolean {
  return membersOf(kernel, group).every(({ parent, session }) =>
    parent === undefined || parent === kernel.init || parent.group === group ||
    parent.session !== session
  );
}

/** The terminal that controls the session of a process. */
export function controllingTerminal({ kernel, session }: Process): Tty | undefined {
  return kernel.terminals.get(session);
}

function shuts(process: Process, signal: number): boolean {
  return process.actions.ignores(signal) ||
    [...process.threads].every(({ mask }) => (mask & bit(signal)) !== 0n);
}

/**
 * Who reads from its terminal, or changes it, has to be in the foreground: others are stopped.
 * @param signal SIGTTIN or SIGTTOU
 * @throws Errno EINTR after the signal was sent, EIO where nobody would let the process go on
 */
export function demandForeground(process: Process, tty: Tty, signal: number): void {
  const { kernel, group } = process;
  if (controllingTerminal(process) !== tty || tty.foreground === 0 || tty.foreground === group) {
    return;
  }
  if (shuts(process, signal)) {
    if (signal === SIG.TTOU) return;
    fail(E.EIO);
  }
  if (isOrphaned(kernel, group)) fail(E.EIO);
  signalGroup(kernel, group, fromKernel(signal));
  fail(E.EINTR);
}

/** A terminal comes to control the session of its leader. @param steals takes it from another session */
export function takeTerminal(process: Process, tty: Tty, steals: boolean): void {
  const { kernel, pid, session } = process;
  if (tty.session === session) return;
  if (pid !== session || controllingTerminal(process) !== undefined) fail(E.EPERM);
  if (tty.session !== 0) {
    if (!steals || process.identity.euid !== 0) fail(E.EPERM);
    kernel.terminals.delete(tty.session);
  }
  tty.session = session;
  tty.foreground = process.group;
  kernel.terminals.set(session, tty);
}

/** A session has no terminal any more: its foreground is told by signals. */
export function dropTerminal(
  kernel: ProcessKernel,
  tty: Tty,
  signals: number[] = [SIG.HUP, SIG.CONT],
): void {
  const { foreground, session } = tty;
  kernel.terminals.delete(session);
  tty.session = tty.foreground = 0;
  if (foreground === 0) return;
  for (const signal of signals) signalGroup(kernel, foreground, fromKernel(signal));
}

/** The other side of a terminal is gone: the leader of its session is told, and the foreground. */
export function hangUp(kernel: ProcessKernel, tty: Tty): void {
  const leader = kernel.process(tty.session);
  tty.hangUp();
  if (tty.session === 0) return;
  if (leader !== undefined && leader.group !== tty.foreground) {
    for (const signal of [SIG.HUP, SIG.CONT]) leader.post(fromKernel(signal));
  }
  dropTerminal(kernel, tty);
}

/** A process is over: its session may lose its terminal, and groups those who could let them go on. */
export function leaveJobs(process: Process, children: Iterable<Process>): void {
  const { kernel, session, group, parent } = process;
  const tty = controllingTerminal(process);
  // Others who have the terminal open keep it.
  if (process.pid === session && tty !== undefined) dropTerminal(kernel, tty, [SIG.HUP]);
  const left = new Set<number>();
  if (parent !== undefined && parent.group !== group && parent.session === session) left.add(group);
  for (const child of children) {
    if (child.group !== group && child.session === session) left.add(child.group);
  }
  for (const each of left) {
    if (!membersOf(kernel, each).some(({ stopped }) => stopped) || !isOrphaned(kernel, each)) {
      continue;
    }
    for (const signal of [SIG.HUP, SIG.CONT]) signalGroup(kernel, each, fromKernel(signal));
  }
}
