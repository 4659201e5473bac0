// A thread as the kernel keeps it: its signals, and how it is woken. What executes it is its host.
import type { Task } from "../coroutine.ts";
import type { Errno } from "../errno.ts";
import type { Process } from "./process.ts";
import { admits, carryOut } from "./signal/process_signals.ts";
import {
  bit,
  PendingSignals,
  type SignalInfo,
  type SignalSet,
  UNMASKABLE,
} from "./signal/signal.ts";
import type { Tracing } from "./tracing.ts";

/** What executes a thread: guest registers on a hart, or a native program's promise. */
export interface ThreadHost {
  /** where its stack pointer is; undefined for one that has none */
  readonly stackPointer?: bigint;
  /** its registers as `struct user_regs_struct` and `struct __riscv_d_ext_state`; undefined for one that has none */
  readonly registerSets?: { general: Uint8Array; floating: Uint8Array };
  /** Something is to be looked at: a signal, the end of the process, or going on after a stop. */
  attend(): void;
  /** Books the time that it has run since it was asked last, while it runs. */
  settle?(): void;
}

/** `stack_t` of sigaltstack(2). */
export interface AlternateStack {
  base: bigint;
  flags: number;
  size: bigint;
}

export const SS_DISABLE = 2;

export class Thread {
  /** as in /proc/PID/comm */
  name: string;
  readonly pending = new PendingSignals();
  #mask: SignalSet = 0n;
  /** the mask to go back to after the handler that ends a sigsuspend or a masked wait */
  savedMask: SignalSet | undefined;
  alternateStack: AlternateStack = { base: 0n, flags: SS_DISABLE, size: 0n };
  /** cleared and woken as a futex when the thread ends (set_tid_address(2)); 0 is none */
  clearChildTid = 0;
  /**
   * end of a sleep that was interrupted, on the clock it was for: should no handler run, the call is made again
   * and goes on to there; whoever runs a handler forgets it
   */
  sleepDeadlineNs: number | undefined;
  /** head of the robust list; 0 is none */
  robustList = 0;
  /** how it is traced, where it is */
  tracing: Tracing | undefined;
  /** the system call that it waits in */
  task: Task | undefined;
  host: ThreadHost = { attend() {} };
  ended = false;
  /** nanoseconds that it has run inside the kernel */
  systemNs = 0;
  #userNs = 0;

  /** nanoseconds that it has run as user, up to now */
  get userNs(): number {
    this.host.settle?.();
    return this.#userNs;
  }

  set userNs(ns: number) {
    this.#userNs = ns;
  }

  /** It has run for so long. */
  ran(ns: number): void {
    this.#userNs += ns;
  }

  get cpuNs(): number {
    return this.userNs + this.systemNs;
  }

  constructor(readonly process: Process, public tid: number, name: string) {
    this.name = name;
  }

  get mask(): SignalSet {
    return this.#mask;
  }

  set mask(mask: SignalSet) {
    this.#mask = mask & ~UNMASKABLE;
  }

  /** Whether it runs on the alternate stack now. */
  get onAlternateStack(): boolean {
    const { base, size } = this.alternateStack;
    const pointer = this.host.stackPointer;
    return pointer !== undefined && size > 0n && pointer > base && pointer <= base + size;
  }

  /** Whether it stands still: its tracer has it do so, or job control. */
  get stopped(): boolean {
    const { process, tracing } = this;
    return tracing === undefined ? process.stopped : tracing.stop !== undefined;
  }

  /** Whether a signal is to be delivered, or the thread has to end or to stop. */
  get attention(): boolean {
    const { process, tracing } = this;
    if (process.ending !== undefined) return true;
    if (tracing === undefined ? process.stopped : tracing.attention) return true;
    // Nearly always nothing waits at all, which is cheaper to see than what is open.
    if (this.pending.set === 0n && process.pending.set === 0n) return false;
    return (this.waiting & ~this.#mask) !== 0n;
  }

  /** Ends the wait of a thread that waits interruptibly. @returns whether it did */
  interrupt(failure: Errno): boolean {
    return this.task?.interrupt(failure) ?? false;
  }

  /** Queues a signal for this thread. */
  post(info: SignalInfo): void {
    if (!admits(this.process, info)) return;
    if (this.pending.add(info)) this.process.signalled(this);
  }

  /**
   * The next signal to deliver; default actions are carried out here, handlers are for the host. A tracer sees
   * each before it does anything: the thread is stopped then, and there is none yet.
   */
  nextSignal(): SignalInfo | undefined {
    const { process } = this;
    for (;;) {
      const { tracing } = this;
      if (process.ending !== undefined || this.stopped || tracing?.stops()) return undefined;
      const open = ~this.#mask;
      const passed = tracing?.takeSignal();
      if (passed !== undefined && (open & bit(passed.signal)) === 0n) {
        this.pending.add(passed);
        continue;
      }
      const info = passed ?? this.pending.take(open) ?? process.pending.take(open);
      if (info === undefined) return undefined;
      if (tracing !== undefined && passed === undefined) {
        tracing.stopForSignal(info);
        return undefined;
      }
      if (process.actions.ignores(info.signal)) continue;
      if (process.actions.get(info.signal).handler !== 0) return info;
      carryOut(process, info, this);
    }
  }

  /** Signals that wait for it, and those that wait for its process. */
  get waiting(): SignalSet {
    return this.pending.set | this.process.pending.set;
  }
}
