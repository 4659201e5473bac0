// What signals do to a process as a whole (signal(7), "Signal dispositions"): some act when they are sent, whoever
// blocks or handles them, and those that nobody handles act when a thread gets them. It stops, goes on, or ends.
import { takeCore } from "../core/core.ts";
import type { Process } from "../process.ts";
import { tellParent } from "../process_end.ts";
import type { Thread } from "../thread.ts";
import { bit, CLD, defaultAction, SIG, type SignalInfo, STOPPING } from "./signal.ts";

/** Does what a signal does when it is sent. @returns whether it is to be queued */
export function admits(process: Process, info: SignalInfo): boolean {
  if (process.ending !== undefined) return false;
  if (info.signal === SIG.CONT) {
    discard(process, STOPPING);
    resume(process);
  } else if ((STOPPING & bit(info.signal)) !== 0n) discard(process, bit(SIG.CONT));
  if (info.signal === SIG.KILL) {
    process.end(SIG.KILL);
    return false;
  }
  if (!process.actions.ignores(info.signal)) return true;
  // An ignored signal waits all the same where somebody blocks it: it may be handled, or asked for, later.
  // A tracer sees it in any case.
  return [...process.threads].some(({ mask, tracing }) =>
    (mask & bit(info.signal)) !== 0n || tracing !== undefined
  );
}

function discard(process: Process, signals: bigint): void {
  process.pending.discard(signals);
  for (const thread of process.threads) thread.pending.discard(signals);
}

/** Does what a signal does by default. @param thread which got it */
export function carryOut(process: Process, info: SignalInfo, thread: Thread): void {
  const { signal } = info;
  switch (defaultAction(signal)) {
    case "stop":
      return stop(process, signal);
    case "dump":
      if (process.ending === undefined) process.core = takeCore(process, thread, info);
      return process.end(signal);
    case "terminate":
      return process.end(signal);
  }
}

function stop(process: Process, signal: number): void {
  process.stopped = true;
  process.stopSignal = signal;
  // A parent that traces it hears of each thread instead.
  if (process.tracer === undefined || process.tracer !== process.parent) {
    process.newStop = signal;
    tellParent(process, CLD.STOPPED, signal);
  }
  tellGroup(process);
}

function resume(process: Process): void {
  if (!process.stopped) return;
  process.stopped = false;
  process.newStop = undefined;
  process.newContinue = true;
  tellParent(process, CLD.CONTINUED, SIG.CONT);
  tellGroup(process);
}

/** Tracers learn of it, and threads look at it. */
function tellGroup(process: Process): void {
  for (const { tracing } of process.threads) tracing?.noteGroup();
  process.attend();
}
