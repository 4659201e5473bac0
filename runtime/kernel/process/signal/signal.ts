// Signals as data (signal(7)): numbers, what they do by default, sets, what a process does about each, and
// those that wait to be delivered.
import { CORE_FLAG } from "../core/core.ts";

/** Numbers of signals. */
export const SIG = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
} as const;

const FIRST_REALTIME = 32;
export const LAST_SIGNAL = 64;
/** Real-time signals that may wait for one process; bounds what a runaway sender takes. */
const MAX_QUEUED = 1024;

/** Handlers that are no address. */
export const DEFAULT = 0;
export const IGNORE = 1;

/** Flags of an action. */
export const SA = {
  NOCLDSTOP: 1,
  NOCLDWAIT: 2,
  SIGINFO: 4,
  ONSTACK: 0x0800_0000,
  RESTART: 0x1000_0000,
  NODEFER: 0x4000_0000,
  RESETHAND: 0x8000_0000,
} as const;

/** `si_code` of common senders. */
export const SI = { USER: 0, KERNEL: 128, QUEUE: -1, TIMER: -2, MESGQ: -3, TKILL: -6 } as const;

/** Codes of SIGCHLD. */
export const CLD = {
  EXITED: 1,
  KILLED: 2,
  DUMPED: 3,
  TRAPPED: 4,
  STOPPED: 5,
  CONTINUED: 6,
} as const;

/** The code that tells of an end. @param status as wait4(2) gives it */
export function endCode(status: number): number {
  if ((status & 0x7f) === 0) return CLD.EXITED;
  return (status & CORE_FLAG) === 0 ? CLD.KILLED : CLD.DUMPED;
}

/** A set of signals: bit `signal - 1`. */
export type SignalSet = bigint;

export function bit(signal: number): SignalSet {
  return 1n << BigInt(signal - 1);
}

function setOf(...signals: number[]): SignalSet {
  return signals.reduce((set, signal) => set | bit(signal), 0n);
}

export const UNMASKABLE = setOf(SIG.KILL, SIG.STOP);
export const STOPPING = setOf(SIG.STOP, SIG.TSTP, SIG.TTIN, SIG.TTOU);
const IGNORED = setOf(SIG.CHLD, SIG.CONT, SIG.URG, SIG.WINCH);
const DUMPING = setOf(
  SIG.QUIT,
  SIG.ILL,
  SIG.TRAP,
  SIG.ABRT,
  SIG.BUS,
  SIG.FPE,
  SIG.SEGV,
  SIG.XCPU,
  SIG.XFSZ,
  SIG.SYS,
);

/** What a signal does when the process did not say. */
export function defaultAction(signal: number): "terminate" | "dump" | "stop" | "ignore" {
  const one = bit(signal);
  if ((STOPPING & one) !== 0n) return "stop";
  if ((IGNORED & one) !== 0n) return "ignore";
  return (DUMPING & one) !== 0n ? "dump" : "terminate";
}

/** What is told with a signal (`siginfo_t`). */
export interface SignalInfo {
  signal: number;
  code: number;
  pid?: number;
  uid?: number;
  /** SIGCHLD: how the child ended or stopped */
  status?: number;
  /** faults: the address */
  address?: bigint;
  /** what the sender of a queued signal gave, and timers */
  value?: bigint;
  timer?: number;
  /** how often the timer expired again before this was taken */
  overrun?: number;
  /** all of it, as a tracer wants it to be */
  bytes?: Uint8Array;
}

/** What a process does about a signal (`struct sigaction`). */
export interface SignalAction {
  /** DEFAULT, IGNORE or the address of a handler */
  handler: number;
  flags: number;
  mask: SignalSet;
}

const nothing: SignalAction = { handler: DEFAULT, flags: 0, mask: 0n };

/** The actions of a process; CLONE_SIGHAND shares them. */
export class SignalActions {
  readonly #actions: SignalAction[];

  constructor(actions?: SignalAction[]) {
    this.#actions = actions ?? new Array<SignalAction>(LAST_SIGNAL + 1).fill(nothing);
  }

  get(signal: number): SignalAction {
    return this.#actions[signal];
  }

  set(signal: number, action: SignalAction): void {
    this.#actions[signal] = action;
  }

  ignores(signal: number): boolean {
    const { handler } = this.#actions[signal];
    return handler === IGNORE || handler === DEFAULT && defaultAction(signal) === "ignore";
  }

  copy(): SignalActions {
    return new SignalActions([...this.#actions]);
  }

  /** After execve: what was handled is as at first; what was ignored stays so. */
  afterExec(): SignalActions {
    return new SignalActions(
      this.#actions.map((action) => action.handler === IGNORE ? action : nothing),
    );
  }
}

/** Signals that wait for a thread or a process. */
export class PendingSignals {
  readonly #infos: SignalInfo[] = [];
  set: SignalSet = 0n;

  /** @returns whether it was added: a standard signal waits once only */
  add(info: SignalInfo): boolean {
    const one = bit(info.signal);
    if (info.signal < FIRST_REALTIME && (this.set & one) !== 0n) return false;
    if (this.#infos.length >= MAX_QUEUED) return false;
    this.#infos.push(info);
    this.set |= one;
    return true;
  }

  /** Whether a signal that was added waits still. */
  holds(info: SignalInfo): boolean {
    return (this.set & bit(info.signal)) !== 0n && this.#infos.includes(info);
  }

  /** Takes the most urgent signal of a set: lower numbers first, then the order in which they came. */
  take(among: SignalSet): SignalInfo | undefined {
    if ((this.set & among) === 0n) return undefined;
    let best = -1;
    this.#infos.forEach((info, index) => {
      if ((among & bit(info.signal)) === 0n) return;
      if (best < 0 || info.signal < this.#infos[best].signal) best = index;
    });
    const [info] = this.#infos.splice(best, 1);
    if (!this.#infos.some((each) => each.signal === info.signal)) this.set &= ~bit(info.signal);
    return info;
  }

  /** Forgets the signals of a set. */
  discard(among: SignalSet): void {
    while (this.take(among) !== undefined);
  }
}
