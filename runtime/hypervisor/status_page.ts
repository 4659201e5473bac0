// The page by which a service domain and the supervisor see each other: state, heartbeat and counters
// from the domain, commands to it. The domain may write anything here; the supervisor only shows the
// numbers and compares the heartbeat with its last value.
import type { DomainFault } from "../../schemas/plan.ts";

export const STATUS_BYTES = 4096;

export const State = { BOOTING: 0, READY: 1, STOPPED: 2, FAILED: 3 } as const;
export const Command = {
  RUN: 0,
  STOP: 1,
  KILL: 2,
  CRASH: 3,
  HANG: 4,
  EXHAUST: 5,
  SLOW: 6,
  CORRUPT_RING: 7,
  WILD_DMA: 8,
} as const;

/** What a domain is told that is to go wrong. */
export const faults = {
  crash: Command.CRASH,
  hang: Command.HANG,
  exhaust: Command.EXHAUST,
  slow: Command.SLOW,
  "corrupt-ring": Command.CORRUPT_RING,
  "wild-dma": Command.WILD_DMA,
} as const satisfies Record<DomainFault, number>;

/** Counters a domain publishes, as it says. */
export interface DomainCounters {
  calls: number;
  refused: number;
  doorbells: number;
  /** turns of its loop that found nothing to do */
  spins: number;
  pageCacheHits: number;
  pageCacheMisses: number;
  /** bytes its JavaScript heap and buffers take */
  heapBytes: number;
}

/** What a domain has counted that has done nothing. */
export const nothingCounted: DomainCounters = {
  calls: 0,
  refused: 0,
  doorbells: 0,
  spins: 0,
  pageCacheHits: 0,
  pageCacheMisses: 0,
  heapBytes: 0,
};

/** What two instances have counted together. */
export function addCounters(one: DomainCounters, other: DomainCounters): DomainCounters {
  return Object.fromEntries(
    counterNames.map((name) => [name, one[name] + other[name]]),
  ) as unknown as DomainCounters;
}

const STATE = 0;
const COMMAND = 1;
const HEARTBEAT = 2;
const TEXT_LENGTH = 3;
const BY_MS = 4;
const FOR_MS = 5;
/** a word for each fault of the plan: see limits.faults */
const OCCURRED = 32;
const COUNTERS_AT = 256;
const TEXT_AT = 1024;
const counterNames = [
  "calls",
  "refused",
  "doorbells",
  "spins",
  "pageCacheHits",
  "pageCacheMisses",
  "heapBytes",
] as const satisfies (keyof DomainCounters)[];

export class StatusPage {
  readonly #words: Int32Array;
  readonly #counters: Float64Array;
  readonly #text: Uint8Array;

  constructor(memory: ArrayBufferLike) {
    this.#words = new Int32Array(memory, 0, 64);
    this.#counters = new Float64Array(memory, COUNTERS_AT, counterNames.length);
    this.#text = new Uint8Array(memory, TEXT_AT, STATUS_BYTES - TEXT_AT);
  }

  /** For a new generation, while the domain is away. */
  reset(): void {
    this.#words.fill(0);
    this.#counters.fill(0);
  }

  get state(): number {
    return Atomics.load(this.#words, STATE);
  }

  set state(state: number) {
    Atomics.store(this.#words, STATE, state);
  }

  get command(): number {
    return Atomics.load(this.#words, COMMAND);
  }

  set command(command: number) {
    Atomics.store(this.#words, COMMAND, command);
  }

  /** supervisor: has something go wrong. @param forMs 0: for as long as the instance lives */
  inject(fault: DomainFault, byMs: number, forMs: number): void {
    this.#words[BY_MS] = byMs;
    this.#words[FOR_MS] = forMs;
    // An instance that is to stop or to die does not have to go wrong.
    Atomics.compareExchange(this.#words, COMMAND, Command.RUN, faults[fault]);
  }

  /** domain: takes the fault that is to happen, with how late and how long, where there is one */
  takeFault(): { kind: DomainFault; byMs: number; forMs: number } | undefined {
    const command = this.command;
    const kind = (Object.keys(faults) as DomainFault[]).find((each) => faults[each] === command);
    if (kind === undefined) return undefined;
    const [byMs, forMs] = [this.#words[BY_MS], this.#words[FOR_MS]];
    Atomics.compareExchange(this.#words, COMMAND, command, Command.RUN);
    return { kind, byMs, forMs };
  }

  /** domain: a fault of the plan happens now */
  occur(index: number): void {
    Atomics.add(this.#words, OCCURRED + index, 1);
  }

  /** How often a fault of the plan has happened in this instance. */
  occurrences(index: number): number {
    return Atomics.load(this.#words, OCCURRED + index);
  }

  get heartbeat(): number {
    return Atomics.load(this.#words, HEARTBEAT);
  }

  /** One more turn of the domain's loop. */
  beat(): void {
    this.#words[HEARTBEAT]++;
  }

  /** Says why the domain cannot go on, then that it failed. */
  fail(message: string): void {
    const bytes = new TextEncoder().encode(message).subarray(0, this.#text.length);
    this.#text.set(bytes);
    this.#words[TEXT_LENGTH] = bytes.length;
    this.state = State.FAILED;
  }

  /** What `fail` said, as far as it can be shown. */
  get failure(): string {
    const length = Math.max(0, Math.min(this.#words[TEXT_LENGTH], this.#text.length));
    return new TextDecoder().decode(this.#text.slice(0, length));
  }

  publish(counters: DomainCounters): void {
    counterNames.forEach((name, index) => this.#counters[index] = counters[name]);
  }

  get counters(): DomainCounters {
    const values = Array.from(this.#counters, (value) => Number.isFinite(value) ? value : 0);
    return Object.fromEntries(
      counterNames.map((name, index) => [name, values[index]]),
    ) as unknown as DomainCounters;
  }
}
