// The end of a process: what it held is given up, its children get another parent, and whoever may know how it
// ended is told (wait(2), "NOTES"; _exit(2)).
import { type Coroutine, isCoroutine } from "../coroutine.ts";
import { CORE_FLAG } from "./core/core.ts";
import { leaveJobs } from "./tty/job_control.ts";
import { close } from "./path/mounts.ts";
import type { Process } from "./process.ts";
import { CLD, endCode, IGNORE, SA, SI, SIG } from "./signal/signal.ts";
import { endTracing } from "./tracing.ts";

/** All threads of a process have ended. */
export function* bury(process: Process): Coroutine<void> {
  process.timers.stop();
  const { core, kernel } = process;
  if (core !== undefined && (yield* kernel.cores.write(process, core))) {
    process.ending! |= CORE_FLAG;
  }
  yield* process.leaveMemory();
  for (const set of process.kernel.ipc.semaphores.all) set.takeBack(process);
  yield* closeAll(process);
  const { directories } = process;
  if (--directories.users === 0) {
    for (const each of [directories.root, directories.cwd]) {
      yield* close(each);
    }
  }
  endTracing(process);
  const children = [...process.children];
  const heir = heirOf(process);
  for (const child of children) {
    child.parent = heir;
    heir.children.add(child);
    const signal = child.settings.parentDeathSignal;
    if (signal !== 0) child.post(process.sender(signal, SI.USER));
    if (child.ended !== undefined) reportEnd(child);
  }
  process.children.clear();
  process.ended = process.ending!;
  leaveJobs(process, children);
  process.kernel.buried(process);
  process.endEvents.wakeAll();
  reportEnd(process);
}

/** Who gets its children: the nearest ancestor that asked for that, or init. */
function heirOf(process: Process): Process {
  let heir = process.parent;
  while (heir !== undefined && !(heir.settings.subreaper && heir.ending === undefined)) {
    heir = heir.parent;
  }
  return heir ?? process.kernel.init;
}

/** Closes every descriptor, unless another process has them too. */
function* closeAll(process: Process): Coroutine<void> {
  if (--process.files.users > 0) return;
  for (const fd of process.files.numbers) {
    try {
      const closing = process.close(fd);
      if (isCoroutine(closing)) yield* closing;
    } catch {
      // The server of the file is dead, or says that it could not write: nobody is left to be told.
    }
  }
}

/** Tells how a process ended: its tracer before its parent, who hears of it when the tracer has. */
export function reportEnd(process: Process): void {
  const status = process.ended!;
  const signal = status & 0x7f;
  const { parent, tracer, exitSignal } = process;
  if (tracer !== undefined && tracer !== parent) return process.leader!.tracing!.tellEnd(status);
  if (parent !== undefined) {
    tellParent(process, endCode(status), signal === 0 ? status >> 8 : signal);
    const { handler, flags } = parent.actions.get(SIG.CHLD);
    const unasked = handler === IGNORE || (flags & SA.NOCLDWAIT) !== 0;
    if (parent !== process.kernel.init && !(unasked && exitSignal === SIG.CHLD)) return;
  }
  reap(process);
}

/** Somebody knows how it ended: it is gone. */
export function reap(process: Process): void {
  const { parent } = process;
  if (parent !== undefined) {
    parent.children.delete(process);
    parent.childrenUserNs += process.userNs + process.childrenUserNs;
    parent.childrenSystemNs += process.systemNs + process.childrenSystemNs;
  }
  process.leader?.tracing?.drop();
  process.reaped = true;
  process.endEvents.wakeAll();
  process.kernel.reaped(process);
}

/** Has a parent know that a child has ended, stopped or gone on. @param code of SIGCHLD @param status goes with it */
export function tellParent(process: Process, code: number, status: number): void {
  const { parent, exitSignal } = process;
  if (parent === undefined) return;
  const stops = code === CLD.STOPPED || code === CLD.CONTINUED;
  const silent = stops && (parent.actions.get(SIG.CHLD).flags & SA.NOCLDSTOP) !== 0;
  if (!silent && exitSignal !== 0) parent.post({ ...process.sender(exitSignal, code), status });
  parent.childEvents.wakeAll();
}
