// How a thread is traced (ptrace(2)): by whom, what it stops for, the stop it is in, what its tracer is told of
// it, and how it goes on. Whoever executes the thread parks it while it is stopped, as for job control.
import { WaitQueue } from "../coroutine.ts";
import type { Process, WaitStatus } from "./process.ts";
import { reportEnd } from "./process_end.ts";
import { CLD, endCode, IGNORE, SA, SI, SIG, type SignalInfo } from "./signal/signal.ts";
import type { Thread } from "./thread.ts";

/** `PTRACE_O_*` */
export const OPTION = {
  TRACESYSGOOD: 1,
  TRACEFORK: 2,
  TRACEVFORK: 4,
  TRACECLONE: 8,
  TRACEEXEC: 0x10,
  TRACEVFORKDONE: 0x20,
  TRACEEXIT: 0x40,
  TRACESECCOMP: 0x80,
  EXITKILL: 0x10_0000,
} as const;
/** `PTRACE_EVENT_*`; the option that asks for one, where there is one, is the bit of its number. */
export const EVENT = {
  FORK: 1,
  VFORK: 2,
  CLONE: 3,
  EXEC: 4,
  VFORK_DONE: 5,
  EXIT: 6,
  STOP: 128,
} as const;
/** What PTRACE_GETEVENTMSG gives at the two ends of a system call. */
const MESSAGE = { enter: 1, leave: 2 } as const;

/** The stop that a thread is in. */
export interface TraceStop {
  reason: "enter" | "leave" | "signal" | "group" | "event";
  /** what wait4(2) tells in place of the signal that stopped it: that, and an event above it */
  code: number;
  /** as PTRACE_GETSIGINFO has it; none where a thread that was attached to stops with its group */
  info: SignalInfo | undefined;
  /** a wait has given it */
  told: boolean;
}

export class Tracing {
  stop: TraceStop | undefined;
  /** what PTRACE_GETEVENTMSG gives */
  message = 0;
  /** it goes on only to the next end of a system call (PTRACE_SYSCALL) */
  calls = false;
  /** it stays with its stopped group, and its tracer hears of what changes that (PTRACE_LISTEN) */
  listening = false;
  /** how it ended, for a tracer that is to be told and is not its parent, or not yet */
  ended: WaitStatus | undefined;
  /** woken when it goes on: for stops in the middle of a call */
  readonly goesOn = new WaitQueue();
  /** it is to stop (PTRACE_INTERRUPT): any stop will do */
  #interrupted = false;
  /** its group has stopped, or goes on, which is not told yet */
  #groupChanged = false;
  /** a system call is over, which there may be something to tell of */
  #leaving = false;
  #event: { event: number; message: number } | undefined;
  /** the signal that the tracer lets through */
  #let: SignalInfo | undefined;
  #toldOfExit = false;

  /** @param seized by PTRACE_SEIZE */
  constructor(
    readonly thread: Thread,
    readonly tracer: Process,
    readonly seized: boolean,
    public options: number,
  ) {
    thread.tracing = this;
    tracer.tracees.add(this);
  }

  get tid(): number {
    return this.thread.tid;
  }

  /** Whether the thread has its process's number: its end is that of the process. */
  get leads(): boolean {
    return this.thread.process.leader === this.thread;
  }

  /** Whether there is something to do before the thread goes on. */
  get attention(): boolean {
    return this.stop !== undefined || this.#interrupted || this.#groupChanged || this.#leaving ||
      this.#let !== undefined;
  }

  /** Whether an event is to be told. */
  wants(event: number): boolean {
    return (this.options & 1 << event) !== 0;
  }

  /** The thread begins a system call. @returns whether it stops there */
  entersCall(): boolean {
    if (this.calls) this.#stopAtCall("enter");
    return this.calls;
  }

  /** The thread has the result of a system call. */
  leavesCall(): void {
    this.#leaving = this.calls || this.#event !== undefined;
  }

  /** Something is to be told once the system call is over. */
  noteEvent(event: number, message: number): void {
    if (this.wants(event)) this.#event = { event, message };
  }

  /** Stops the thread here and now. */
  stopForEvent(event: number, message: number): void {
    this.#stopWith("event", SIG.TRAP | event << 8, message);
  }

  /** A signal is about to be delivered: whether it is, and which, is the tracer's to say. */
  stopForSignal(info: SignalInfo): void {
    this.#report({ reason: "signal", code: info.signal, info, told: false }, 0);
  }

  /** The thread is about to end. @returns whether it stops before that */
  stopsAtEnd(status: WaitStatus): boolean {
    if (!this.#toldOfExit && this.wants(EVENT.EXIT)) {
      this.#toldOfExit = true;
      this.stopForEvent(EVENT.EXIT, status);
    }
    return this.stop !== undefined;
  }

  /** Stops the thread where there is something to tell. @returns whether it is stopped */
  stops(): boolean {
    if (this.stop !== undefined) return true;
    if (this.#event !== undefined) {
      const { event, message } = this.#event;
      this.#event = undefined;
      this.stopForEvent(event, message);
    } else if (this.#leaving) {
      this.#leaving = false;
      if (this.calls) this.#stopAtCall("leave");
    }
    if (this.stop === undefined && (this.#interrupted || this.#groupChanged)) this.#stopWithGroup();
    return this.stop !== undefined;
  }

  /** The signal that the tracer let through, once. */
  takeSignal(): SignalInfo | undefined {
    const info = this.#let;
    this.#let = undefined;
    return info;
  }

  #stopAtCall(reason: "enter" | "leave"): void {
    const good = (this.options & OPTION.TRACESYSGOOD) !== 0;
    this.#stopWith(reason, good ? SIG.TRAP | 0x80 : SIG.TRAP, MESSAGE[reason]);
  }

  #stopWithGroup(): void {
    const { stopped, stopSignal } = this.thread.process;
    if (this.seized) {
      return this.#stopWith("group", (stopped ? stopSignal : SIG.TRAP) | EVENT.STOP << 8, 0);
    }
    this.#report({ reason: "group", code: stopSignal, info: undefined, told: false }, 0);
  }

  #stopWith(reason: TraceStop["reason"], code: number, message: number): void {
    const { tid, thread } = this;
    const uid = thread.process.identity.ruid;
    const info = { signal: code & 0x7f, code, pid: tid, uid };
    this.#report({ reason, code, info, told: false }, message);
  }

  #report(stop: TraceStop, message: number): void {
    this.stop = stop;
    this.message = message;
    this.listening = false;
    this.#interrupted = false;
    const withGroup = stop.reason === "group";
    if (withGroup) this.#groupChanged = false;
    this.#tell(withGroup ? CLD.STOPPED : CLD.TRAPPED, stop.code & 0x7f, true);
  }

  #tell(code: number, status: number, stops: boolean): void {
    const { tracer, thread } = this;
    if (!stops || (tracer.actions.get(SIG.CHLD).flags & SA.NOCLDSTOP) === 0) {
      const uid = thread.process.identity.ruid;
      tracer.post({ signal: SIG.CHLD, code, pid: this.tid, uid, status });
    }
    tracer.childEvents.wakeAll();
  }

  /**
   * The tracer lets it go on.
   * @param signal is delivered where it stopped for one, and sent where it stopped at a system call; 0 for none
   * @param calls whether it stops at the next end of a system call
   */
  goOn(signal: number, calls: boolean): void {
    const { stop, thread } = this;
    this.calls = calls;
    if (stop?.reason === "signal") this.#let = this.#passed(signal, stop);
    this.release();
    this.#sendAtCall(signal, stop);
    thread.host.attend();
  }

  /** The tracer lets go of it. @param signal as of {@link goOn} */
  detach(signal: number): void {
    const { stop, thread } = this;
    const passed = stop?.reason === "signal" ? this.#passed(signal, stop) : this.#let;
    this.drop();
    if (passed !== undefined) thread.pending.add(passed);
    this.#sendAtCall(signal, stop);
    thread.host.attend();
  }

  #passed(signal: number, { info }: TraceStop): SignalInfo | undefined {
    if (signal === 0) return undefined;
    if (info?.signal === signal) return info;
    return { signal, code: SI.USER, pid: this.tracer.pid, uid: this.tracer.identity.ruid };
  }

  #sendAtCall(signal: number, stop: TraceStop | undefined): void {
    if (signal === 0 || stop?.reason !== "enter" && stop?.reason !== "leave") return;
    this.thread.post({ signal, code: SI.KERNEL, pid: 0, uid: 0 });
  }

  /** It is to stop, if nothing else stops it (PTRACE_INTERRUPT). */
  interrupt(): void {
    if (this.listening) return this.#stopWithGroup();
    this.#interrupted = true;
    this.thread.host.attend();
  }

  /** Its group has stopped, or goes on: only one that was seized hears of the latter. */
  noteGroup(): void {
    if (this.listening) return this.#stopWithGroup();
    this.#groupChanged = this.seized || this.thread.process.stopped;
    this.thread.host.attend();
  }

  /** It stays where its group has stopped it, and hears of what changes that (PTRACE_LISTEN). */
  listen(): void {
    this.listening = true;
    if (this.#groupChanged) this.#stopWithGroup();
  }

  /** It is in no stop any more: it goes on, or has to end. */
  release(): void {
    this.stop = undefined;
    this.listening = false;
    this.goesOn.wakeAll();
  }

  /** Nobody traces it any more. */
  drop(): void {
    this.tracer.tracees.delete(this);
    if (this.thread.tracing === this) this.thread.tracing = undefined;
    this.release();
  }

  /** The thread has ended; that of one that leads is told when its process has. */
  threadEnded(status: WaitStatus): void {
    this.release();
    if (!this.leads) this.tellEnd(status);
  }

  /** Tells how it ended, once; a tracer that does not want to know has asked already. */
  tellEnd(status: WaitStatus): void {
    if (this.ended !== undefined) return;
    this.ended = status;
    const signal = status & 0x7f;
    this.#tell(endCode(status), signal === 0 ? status >> 8 : signal, false);
    const { handler, flags } = this.tracer.actions.get(SIG.CHLD);
    if (handler === IGNORE || (flags & SA.NOCLDWAIT) !== 0) this.reap();
  }

  /** The tracer knows how it ended: now the parent may. */
  reap(): void {
    const { process } = this.thread;
    const led = this.leads;
    this.drop();
    if (led) reportEnd(process);
  }
}

/** A tracer has ended: those it traced go on without it, or end with it. */
export function endTracing(tracer: Process): void {
  for (const tracing of [...tracer.tracees]) {
    const { process } = tracing.thread;
    if (tracing.ended !== undefined) tracing.reap();
    else tracing.detach(0);
    if ((tracing.options & OPTION.EXITKILL) !== 0) {
      process.post({ signal: SIG.KILL, code: SI.KERNEL, pid: 0, uid: 0 });
    }
  }
}

/** A child that is traced as its parent is: it stops before it runs. */
export function traceChild({ seized, tracer, options }: Tracing, child: Thread): void {
  const tracing = new Tracing(child, tracer, seized, options);
  if (seized) tracing.interrupt();
  else child.pending.add({ signal: SIG.STOP, code: SI.USER, pid: 0, uid: 0 });
}

/** A thread has another program: without the event, one that was attached to gets a signal. */
export function tellOfExec(thread: Thread, formerTid: number): void {
  const { tracing, process } = thread;
  if (tracing === undefined) return;
  if (tracing.wants(EVENT.EXEC)) tracing.noteEvent(EVENT.EXEC, formerTid);
  else if (!tracing.seized) thread.post(process.sender(SIG.TRAP));
}

/** Whether a process may look into another one (ptrace(2), "Ptrace access mode checking"). */
export function mayTrace(tracer: Process, target: Process): boolean {
  const { identity: own } = tracer;
  if (own.euid === 0 || tracer === target) return true;
  const { ruid, euid, suid, rgid, egid, sgid } = target.identity;
  return target.settings.dumpable === 1 &&
    [ruid, euid, suid].every((id) => id === own.ruid) &&
    [rgid, egid, sgid].every((id) => id === own.rgid);
}
