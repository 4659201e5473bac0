// Where things lie in a ring's memory: a header of cache lines with one writer each, the request
// queue, the completion queue, the payload arena. The header ends with what ring_counters.ts counts. Tails count up and wrap at 2^32; each reader keeps
// its head to itself: slots, not indices, bound what is outstanding. Nothing here may be believed by either side: see client.ts and server.ts.

import { COUNTERS_AT } from "./ring_counters.ts";

/** Bytes of one entry: a cache line. */
export const ENTRY_BYTES = 64;
export const ENTRY_WORDS = ENTRY_BYTES / 4;

/** Header words (32 bits), each group on a cache line of its own. */
export const Header = {
  /** written by the hypervisor while both sides are away */
  GENERATION: 0,
  /** written by the client */
  REQUEST_TAIL: 16,
  /** written by the server */
  COMPLETION_TAIL: 32,
  /** written by the server where calls trap: requests that it has answered or put aside */
  SETTLED: 33,
} as const;

export const HEADER_BYTES = 4096;

/** Words of a request entry. */
export const Request = {
  /** call number (16 bits), generation (16 bits) */
  NUMBER: 0,
  /** slot (16 bits), credential (16 bits) */
  SLOT: 1,
  PAYLOAD_OFFSET: 2,
  PAYLOAD_LENGTH: 3,
  /** six arguments, low word then high word */
  ARGUMENTS: 4,
} as const;

/** Words of a completion entry. */
export const Completion = {
  /** slot (16 bits), generation (16 bits) */
  SLOT: 0,
  /** status, low word then high word (signed) */
  STATUS: 1,
  /** running and durable transaction at completion, low word then high word */
  TRANSACTION: 3,
  DURABLE: 5,
  /** bytes that the server takes for certain, low word then high word */
  SPARE: 7,
} as const;

/** Call numbers that the ring itself serves; the rest go to the service behind it. */
export const RingCall = {
  /** payload: uid, gid, then groups, 32 bits each; argument 0: the index to give it */
  CREDENTIAL: 0xfff0,
} as const;

export const MAX_CREDENTIALS = 1024;

/** The size of a ring and of its parts. `depth` is a power of two; every slot has its share of the arena. */
export interface RingShape {
  depth: number;
  arenaBytes: number;
  /** whether callers wait for the server's word; absent: they do not */
  style?: "trap";
}

export function ringBytes(shape: RingShape): number {
  return HEADER_BYTES + 2 * shape.depth * ENTRY_BYTES + shape.arenaBytes;
}

/** Payload bytes that one slot can carry, a multiple of 64. */
export function slotBytes(shape: RingShape): number {
  return Math.floor(shape.arenaBytes / shape.depth / 64) * 64;
}

/** The views of a ring's memory that both sides work on. */
export interface RingViews {
  header: Int32Array;
  requests: Int32Array;
  completions: Int32Array;
  arena: Uint8Array;
}

/** @throws RangeError when the memory is smaller than the shape says */
/** Requests of a ring without an answer now. Either end may write what it likes there: for showing only. */
export function outstandingRequests(memory: ArrayBufferLike): number {
  const header = new Int32Array(memory, 0, COUNTERS_AT / 4);
  return header[Header.REQUEST_TAIL] - header[Header.COMPLETION_TAIL] >>> 0;
}

export function ringViews(memory: ArrayBufferLike, shape: RingShape): RingViews {
  const words = shape.depth * ENTRY_WORDS;
  const requestsAt = HEADER_BYTES;
  const completionsAt = requestsAt + words * 4;
  return {
    header: new Int32Array(memory, 0, HEADER_BYTES / 4),
    requests: new Int32Array(memory, requestsAt, words),
    completions: new Int32Array(memory, completionsAt, words),
    arena: new Uint8Array(memory, completionsAt + words * 4, shape.arenaBytes),
  };
}

/** Empties a ring for a new generation. Only the hypervisor calls it, while both sides are away. */
export function resetRing(memory: ArrayBufferLike, generation: number): void {
  const header = new Int32Array(memory, 0, COUNTERS_AT / 4);
  header.fill(0);
  Atomics.store(header, Header.GENERATION, generation & 0xffff);
}

/** What the supervisor may read of a ring: requests not yet answered, and answers not yet taken. */
export function ringBacklog(memory: ArrayBufferLike): number {
  const header = new Int32Array(memory, 0, HEADER_BYTES / 4);
  return (Atomics.load(header, Header.REQUEST_TAIL) -
    Atomics.load(header, Header.COMPLETION_TAIL)) | 0;
}

/** What the supervisor may read of a ring: how many calls have been answered since it was emptied. */
export function ringAnswers(memory: ArrayBufferLike): number {
  return Atomics.load(new Int32Array(memory, 0, HEADER_BYTES / 4), Header.COMPLETION_TAIL);
}

/** A peer wrote what no peer may write; the ring is of no use any more. */
export class RingBroken extends Error {
  override name = "RingBroken";
}

/** An integer below 2^53 in magnitude from its two words. */
export function joinWords(low: number, high: number): number {
  return high === low >> 31 ? low : high * 0x1_0000_0000 + (low >>> 0);
}

/** The upper word of an integer below 2^53 in magnitude; the lower one is what a typed array keeps of it. */
export function highWord(value: number): number {
  const small = value | 0;
  return small === value ? small >> 31 : Math.floor(value / 0x1_0000_0000);
}
