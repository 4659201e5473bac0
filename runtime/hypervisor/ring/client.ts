// The calling side of a ring: writes requests, takes completions. One hart owns it.
// What it reads from the ring is checked: index, slot, generation; the status is the caller's to judge.
import type { Bell } from "../../hardware/doorbell.ts";
import {
  Completion,
  ENTRY_WORDS,
  Header,
  highWord,
  joinWords,
  Request,
  RingBroken,
  type RingShape,
  type RingViews,
  ringViews,
  slotBytes,
} from "./layout.ts";
import { countLatency } from "./histogram.ts";
import { Counter, counterView, latencyView } from "./ring_counters.ts";

/** Requests under way up to which each is told at once: the server may have nothing else to do. */
const FEW = 4;
/** Beyond them, requests written before the index is: one index store, a full fence, for several. */
const PUBLISH_BATCH = 8;

/**
 * Reading the clock costs as much as the rest of a call: where calls are many, one in up to a thousand is
 * timed, so that there is a sample every {@link SAMPLE_NS} or so; where they are few, each is.
 */
const SAMPLE_NS = 200_000;
const MOST_GAP_MASK = 2047;
const NONE = -1;
/** Answers after which counters are shown, unless the ring is empty before. */
const COUNT_BATCH = 256;

/** Takes the answer to a request. */
export interface Completer {
  /** @param status at least 0, or a negative error number */
  complete(status: number, slot: number): void;
}

export class RingClient {
  readonly depth: number;
  /** most payload bytes of one request */
  readonly slotBytes: number;
  /** completions taken since the start, over all generations */
  roundTrips = 0;
  /** doorbells rung since the start */
  doorbells = 0;
  /** transactions as of the newest completion taken */
  transaction = 0;
  durable = 0;
  /** what the server takes for certain, as of the newest completion taken; 0 where it has not said */
  spareBytes = 0;

  readonly #mask: number;
  #views: RingViews;
  #generation: number;
  #tail = 0;
  #published = 0;
  #head = 0;
  #rung = 0;
  #pending: (Completer | undefined)[];
  /** by slot: the view last made; most callers ask for the same size again */
  #payloads: Uint8Array[] = [];
  #free: Int32Array;
  #freeCount: number;
  #counts: Float64Array;
  #latencies: Int32Array;
  /** what has been counted and not shown yet */
  #shownHead = 0;
  #publications = 0;
  #outstandingSum = 0;
  #most = 0;
  /** of the call that is being timed: its slot, and when it was sent */
  #timedSlot = NONE;
  #timedNs = 0;
  #untilSample = 1;
  /** gaps between calls that are timed are drawn, so that no pattern of calls is missed */
  #gapState = 1;
  #gapMask = 0;

  /** @param nowNs the clock by which calls are timed; without one they are not */
  constructor(
    memory: ArrayBufferLike,
    private readonly shape: RingShape,
    generation: number,
    private bell: Bell,
    private readonly nowNs?: () => number,
  ) {
    this.depth = shape.depth;
    this.#mask = shape.depth - 1;
    this.slotBytes = slotBytes(shape);
    this.#views = ringViews(memory, shape);
    this.#counts = counterView(memory);
    this.#latencies = latencyView(memory);
    this.#generation = generation & 0xffff;
    this.#pending = new Array(shape.depth).fill(undefined);
    this.#free = new Int32Array(shape.depth);
    for (let slot = 0; slot < shape.depth; slot++) this.#free[slot] = shape.depth - 1 - slot;
    this.#freeCount = shape.depth;
  }

  /** completions taken of this generation */
  get answers(): number {
    return this.#head;
  }

  /** requests submitted in this generation */
  get sent(): number {
    return this.#tail;
  }

  /** requests that can be submitted now */
  get room(): number {
    return this.#freeCount;
  }

  /** requests that the server, if it sleeps, has not been told of */
  get untold(): number {
    return (this.#tail - this.#rung) | 0;
  }

  /** requests without an answer */
  get outstanding(): number {
    return this.depth - this.#freeCount;
  }

  /** Takes a slot to fill; -1 where all are in use. */
  acquire(): number {
    return this.#freeCount === 0 ? -1 : this.#free[--this.#freeCount];
  }

  /** Gives back a slot that was not submitted. */
  abandon(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }

  /** Byte offset of a slot's payload in {@link arena}. */
  payloadOffset(slot: number): number {
    return slot * this.slotBytes;
  }

  /** The first `length` payload bytes of a slot. */
  payload(slot: number, length: number): Uint8Array {
    const view = this.#payloads[slot];
    if (view !== undefined && view.length === length) return view;
    const offset = this.payloadOffset(slot);
    return this.#payloads[slot] = this.arena.subarray(offset, offset + length);
  }

  get arena(): Uint8Array {
    return this.#views.arena;
  }

  /**
   * Queues a request whose payload is already in its slot. Call `publish` or `notify` after the last
   * of a batch: until then the server may not see it.
   */
  submit(
    slot: number,
    number: number,
    args: ArrayLike<number>,
    credential: number,
    payloadLength: number,
    completer: Completer,
  ): void {
    const requests = this.#views.requests;
    const at = (this.#tail & this.#mask) * ENTRY_WORDS;
    requests[at + Request.NUMBER] = number | this.#generation << 16;
    requests[at + Request.SLOT] = slot | credential << 16;
    requests[at + Request.PAYLOAD_OFFSET] = slot * this.slotBytes;
    requests[at + Request.PAYLOAD_LENGTH] = payloadLength;
    const count = args.length < 6 ? args.length : 6;
    let word = at + Request.ARGUMENTS;
    for (let index = 0; index < count; index++, word += 2) {
      const value = args[index];
      requests[word] = value;
      requests[word + 1] = highWord(value);
    }
    for (let index = count; index < 6; index++, word += 2) requests[word] = requests[word + 1] = 0;
    this.#pending[slot] = completer;
    this.#tail = (this.#tail + 1) | 0;
    const batch = this.depth - this.#freeCount <= FEW ? 1 : PUBLISH_BATCH;
    if (((this.#tail - this.#published) | 0) >= batch) this.publish();
  }

  /** Says that payload bytes have been moved into the arena, or out of it. */
  copied(bytes: number): void {
    this.#counts[Counter.BYTES_COPIED] += bytes;
  }

  /** Adds what was counted since the last time to what others read. */
  #showCounts(): void {
    const counts = this.#counts;
    counts[Counter.CALLS] += this.#head - this.#shownHead | 0;
    counts[Counter.PUBLICATIONS] += this.#publications;
    counts[Counter.OUTSTANDING_SUM] += this.#outstandingSum;
    counts[Counter.OUTSTANDING_MOST] = this.#most;
    this.#shownHead = this.#head;
    this.#publications = this.#outstandingSum = 0;
  }

  /** Of the newest request, from when the server can see it. */
  #beginTiming(): void {
    this.#gapState = Math.imul(this.#gapState, 1_664_525) + 1_013_904_223 | 0;
    this.#untilSample = 1 + (this.#gapState >>> 16 & this.#gapMask);
    if (this.#timedSlot !== NONE || this.nowNs === undefined) return;
    const nowNs = this.nowNs(), sinceNs = nowNs - this.#timedNs;
    if (sinceNs > 2 * SAMPLE_NS) this.#gapMask >>= 1;
    else if (sinceNs < SAMPLE_NS / 2 && this.#gapMask < MOST_GAP_MASK) {
      this.#gapMask = this.#gapMask << 1 | 1;
    }
    const at = ((this.#tail - 1) & this.#mask) * ENTRY_WORDS;
    this.#timedSlot = this.#views.requests[at + Request.SLOT] & 0xffff;
    this.#timedNs = nowNs;
  }

  #endTiming(): void {
    this.#timedSlot = NONE;
    countLatency(this.#latencies, this.nowNs!() - this.#timedNs);
  }

  /** Makes every request so far visible to the server. */
  publish(): void {
    if (this.#published === this.#tail) return;
    this.#published = this.#tail;
    // What is counted is counted here, once for several calls: at each it would cost a tenth of it.
    const outstanding = this.depth - this.#freeCount;
    this.#publications++;
    this.#outstandingSum += outstanding;
    if (outstanding > this.#most) this.#most = outstanding;
    if (--this.#untilSample === 0) this.#beginTiming();
    Atomics.store(this.#views.header, Header.REQUEST_TAIL, this.#tail);
  }

  /** Whether a completion waits to be taken. */
  get answered(): boolean {
    return Atomics.load(this.#views.header, Header.COMPLETION_TAIL) !== this.#head;
  }

  /** Where calls trap: whether every request so far has been answered, or put aside by the server. */
  get settled(): boolean {
    return Atomics.load(this.#views.header, Header.SETTLED) === this.#tail;
  }

  /** Publishes, and wakes the server if it sleeps and has not been told of the newest request. */
  notify(): void {
    if (this.#rung === this.#tail) return;
    this.publish();
    this.#rung = this.#tail;
    if (!this.bell.ring()) return;
    this.doorbells++;
    this.#counts[Counter.DOORBELLS]++;
  }

  /**
   * Takes every completion there is.
   * @returns how many
   * @throws RingBroken when the server wrote what it must not
   */
  poll(): number {
    // A plain look first: it costs a tenth of an ordered one, and is nearly always in vain.
    if (this.#views.header[Header.COMPLETION_TAIL] === this.#head) return 0;
    const tail = Atomics.load(this.#views.header, Header.COMPLETION_TAIL);
    const count = (tail - this.#head) | 0;
    if (count === 0) return 0;
    if (count < 0 || count > this.depth - this.#freeCount) {
      throw new RingBroken(
        `completion index ${tail} is not within ${this.depth} entries after ${this.#head}`,
      );
    }
    const completions = this.#views.completions;
    for (let taken = 0; taken < count; taken++) {
      const at = (this.#head & this.#mask) * ENTRY_WORDS;
      const identity = completions[at + Completion.SLOT];
      const status = joinWords(
        completions[at + Completion.STATUS],
        completions[at + Completion.STATUS + 1],
      );
      const slot = identity & 0xffff;
      const completer = slot < this.depth ? this.#pending[slot] : undefined;
      if (completer === undefined || identity >>> 16 !== this.#generation) {
        throw new RingBroken(
          `completion for slot ${slot} of generation ${identity >>> 16} was not asked for`,
        );
      }
      this.transaction = joinWords(
        completions[at + Completion.TRANSACTION],
        completions[at + Completion.TRANSACTION + 1],
      );
      this.durable = joinWords(
        completions[at + Completion.DURABLE],
        completions[at + Completion.DURABLE + 1],
      );
      this.spareBytes = joinWords(
        completions[at + Completion.SPARE],
        completions[at + Completion.SPARE + 1],
      );
      this.#head = (this.#head + 1) | 0;
      this.#pending[slot] = undefined;
      this.#free[this.#freeCount++] = slot;
      this.roundTrips++;
      if (slot === this.#timedSlot) this.#endTiming();
      completer.complete(status, slot);
    }
    if (this.#freeCount === this.depth || (this.#head - this.#shownHead | 0) >= COUNT_BATCH) {
      this.#showCounts();
    }
    return count;
  }

  /** The server is gone: forgets every request. @returns who waited, in no order */
  detach(): Completer[] {
    const waiting = this.#pending.filter((completer) => completer !== undefined);
    this.#pending.fill(undefined);
    for (let slot = 0; slot < this.depth; slot++) this.#free[slot] = this.depth - 1 - slot;
    this.#freeCount = this.depth;
    this.#timedSlot = NONE;
    return waiting;
  }

  /** A new server is there, behind an emptied ring; memory and bell are the same objects or new ones. */
  attach(memory: ArrayBufferLike, generation: number, bell: Bell): void {
    this.bell = bell;
    this.#views = ringViews(memory, this.shape);
    this.#counts = counterView(memory);
    this.#latencies = latencyView(memory);
    this.#payloads = [];
    this.spareBytes = 0;
    this.#generation = generation & 0xffff;
    this.#showCounts();
    this.#tail =
      this.#published =
      this.#head =
      this.#shownHead =
      this.#rung =
        0;
  }
}
