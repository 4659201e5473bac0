// The page by which a service domain and the supervisor see each other: state, heartbeat and counters
// from the domain, commands to it. The domain may write anything here; the supervisor only shows the
// numbers and compares the heartbeat with its last value.

export const STATUS_BYTES = 4096;

export const State = { BOOTING: 0, READY: 1, STOPPED: 2, FAILED: 3 } as const;
export const Command = { RUN: 0, STOP: 1, KILL: 2, CRASH: 3, HANG: 4, EXHAUST: 5 } as const;

/** Ways in which the kernel code of a domain can be made to fail, to see what the machine does. */
export const faults = {
  /** throws what nobody catches */
  crash: Command.CRASH,
  /** loops without end */
  hang: Command.HANG,
  /** takes memory until it is refused */
  exhaust: Command.EXHAUST,
} as const satisfies Record<DomainFault, number>;

/** A way of failing: to throw, to loop without end, to take memory until it is refused. */
export type DomainFault = "crash" | "hang" | "exhaust";

/** Counters a domain publishes, as it says. */
export interface DomainCounters {
  calls: number;
  refused: number;
  doorbells: number;
  /** bytes its JavaScript heap and buffers take */
  heapBytes: number;
}

const STATE = 0;
const COMMAND = 1;
const HEARTBEAT = 2;
const TEXT_LENGTH = 3;
const COUNTERS_AT = 256;
const TEXT_AT = 1024;
const counterNames = ["calls", "refused", "doorbells", "heapBytes"] as const;

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
