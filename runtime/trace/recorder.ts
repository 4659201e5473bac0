// What a thread of the machine did lately, as records of fixed size in memory that the machine reads: written
// in order, the oldest overwritten. It lies below all layers and knows none. While nobody traces, a record
// costs the look at one word.

/** What a record tells; what its five values mean. */
export const TraceEvent = {
  /** a system call, or a page fault in place of one: thread, call number, its context */
  CALL: 1,
  /** thread, status */
  CALL_END: 2,
  /** a request on a ring that the thread calls through: ring, its place in it, call number, context */
  SEND: 3,
  /** ring, place of the request, status */
  ANSWER: 4,
  /** a request on a ring that the thread serves: ring, its place, slot, call number, its context */
  TAKE: 5,
  /** ring, slot, status */
  COMPLETE: 6,
  /** a driver's request on its device's first queue: device, its place in it, operation, context, bytes */
  REQUEST: 7,
  /** device, place of the request */
  REQUEST_END: 8,
  /** a device carries out what a driver asked for: device, place of the request, queue */
  SERVE: 9,
  /** device, place of the request, queue, bytes written */
  SERVE_END: 10,
} as const;

/** What a page fault has in place of the number of a call. */
export const PAGE_FAULT = -1;

const HEADER_BYTES = 64;
/** Words of the header: whether somebody traces, and how many records have been written. */
const ON = 0, WRITTEN = 1;
/** Milliseconds since 1970 that times are relative to, as a number of 64 bits. */
const BASE = 1;
const RECORD_BYTES = 32;
const RECORD_WORDS = RECORD_BYTES / 4;
const KIND = 2, VALUES = 3;

/** Records that a thread keeps. A power of two. */
export const TRACE_RECORDS = 1 << 16;
/** Bytes of a thread's records; none is touched before somebody traces. */
export const TRACE_BYTES = HEADER_BYTES + TRACE_RECORDS * RECORD_BYTES;

/** One record, as it was read. */
export interface TraceRecord {
  /** microseconds since the tracing began */
  atUs: number;
  kind: number;
  values: [number, number, number, number, number];
}

/** A thread's side. */
export class Recorder {
  readonly #words: Int32Array;
  readonly #times: Float64Array;

  /**
   * @param memory of {@link TRACE_BYTES}; a header will do where nobody ever traces
   * @param nowMs milliseconds since 1970, with a fraction
   */
  constructor(memory: ArrayBufferLike, private readonly nowMs: () => number) {
    this.#words = new Int32Array(memory);
    this.#times = new Float64Array(memory, 0, Math.floor(memory.byteLength / 8));
  }

  /** Whether somebody traces: to be asked before `record`. */
  get on(): boolean {
    return this.#words[ON] !== 0;
  }

  record(kind: number, a: number, b = 0, c = 0, d = 0, e = 0): void {
    const words = this.#words, written = words[WRITTEN];
    const at = HEADER_BYTES / 4 + (written & TRACE_RECORDS - 1) * RECORD_WORDS;
    this.#times[at >> 1] = this.nowMs() - this.#times[BASE];
    words[at + KIND] = kind;
    words[at + VALUES] = a;
    words[at + VALUES + 1] = b;
    words[at + VALUES + 2] = c;
    words[at + VALUES + 3] = d;
    words[at + VALUES + 4] = e;
    Atomics.store(words, WRITTEN, written + 1);
  }
}

/** A generation of a ring in one number, as both of its ends know it. */
export function ringTraceId(ring: number, generation: number): number {
  return ring | (generation & 0xffff) << 8;
}

/** What records nothing, for who is not traced. */
export const silent: Recorder = new Recorder(new ArrayBuffer(HEADER_BYTES), () => 0);

/** Has a thread record from now on. @param baseMs milliseconds since 1970, later times are relative to it */
export function beginTrace(memory: ArrayBufferLike, baseMs: number): void {
  const words = new Int32Array(memory, 0, HEADER_BYTES / 4);
  new Float64Array(memory, 0, 2)[BASE] = baseMs;
  Atomics.store(words, WRITTEN, 0);
  Atomics.store(words, ON, 1);
}

/** From now on a thread records nothing; what it is about to write may still come. */
export function endTrace(memory: ArrayBufferLike): void {
  Atomics.store(new Int32Array(memory, 0, 1), ON, 0);
}

/**
 * What a thread has recorded and not overwritten, in its order. Whatever it wrote, the answer is bounded.
 * @returns the records, and how many came before them
 */
export function readTrace(memory: ArrayBufferLike): { records: TraceRecord[]; lost: number } {
  const words = new Int32Array(memory), times = new Float64Array(memory);
  const written = Math.max(0, Atomics.load(words, WRITTEN));
  const first = Math.max(0, written - TRACE_RECORDS);
  const records: TraceRecord[] = [];
  for (let index = first; index < written; index++) {
    const at = HEADER_BYTES / 4 + (index & TRACE_RECORDS - 1) * RECORD_WORDS;
    const atMs = times[at >> 1];
    if (!Number.isFinite(atMs)) continue;
    const values = words.slice(at + VALUES, at + VALUES + 5);
    records.push({
      atUs: atMs * 1000,
      kind: words[at + KIND],
      values: Array.from(values) as TraceRecord["values"],
    });
  }
  return { records, lost: first };
}
