// The serving side of a ring: takes requests, checks every field once, hands them to a handler, and
// writes completions. Entries are copied before they are checked; the payload stays in the arena,
// where the client may change it at any time: handlers read each byte of it at most once.
import type { Bell } from "../../hardware/doorbell.ts";
import {
  Completion,
  ENTRY_WORDS,
  Header,
  highWord,
  joinWords,
  MAX_CREDENTIALS,
  Request,
  RingBroken,
  RingCall,
  type RingShape,
  type RingViews,
  ringViews,
  slotBytes,
} from "./layout.ts";

/** Who calls, as registered by the client. */
export interface RingCredential {
  uid: number;
  gid: number;
  groups: number[];
}

/** A request as the handler sees it; the object belongs to its slot and is reused after `complete`. */
export interface RingRequest {
  readonly slot: number;
  number: number;
  args: Float64Array;
  credential: RingCredential;
  payload: Uint8Array;
}

/** Completions written before the index is: one index store, a full fence, for several. */
const PUBLISH_BATCH = 8;

/** Why a request was refused before it reached the handler. */
const EINVAL = 22;
const EFAULT = 14;

export class RingServer {
  readonly depth: number;
  /** requests taken since the start */
  calls = 0;
  /** requests refused because a field was out of range */
  refused = 0;
  doorbells = 0;
  /** stands between the ring and whoever serves its requests, where something is to go wrong there */
  intercept: ((request: RingRequest, serve: (request: RingRequest) => void) => void) | undefined;

  #generation: number;
  readonly #slotBytes: number;
  readonly #mask: number;
  readonly #views: RingViews;
  readonly #requests: RingRequest[];
  /** of the payload views kept in the slots: most callers ask for the same size again */
  readonly #payloadLengths: Int32Array;
  readonly #busy: Uint8Array;
  readonly #credentials: RingCredential[] = [{ uid: 0, gid: 0, groups: [] }];
  #head = 0;
  #tail = 0;
  #published = 0;
  #rung = 0;
  #settled = 0;
  #inFlight = 0;

  /**
   * @param handle gets each valid request; answers through `complete`, at once or later
   */
  constructor(
    memory: ArrayBufferLike,
    private readonly shape: RingShape,
    generation: number,
    private readonly bell: Bell,
    private readonly handle: (request: RingRequest) => void,
  ) {
    this.depth = shape.depth;
    this.#generation = generation & 0xffff;
    this.#mask = shape.depth - 1;
    this.#slotBytes = slotBytes(shape);
    this.#views = ringViews(memory, shape);
    this.#payloadLengths = new Int32Array(shape.depth);
    this.#busy = new Uint8Array(shape.depth);
    this.#requests = Array.from({ length: shape.depth }, (_, slot) => ({
      slot,
      number: 0,
      args: new Float64Array(6),
      credential: this.#credentials[0],
      payload: this.#views.arena.subarray(0, 0),
    }));
  }

  /** A new client is there, behind an emptied ring; every request of the last one has been answered. */
  attach(generation: number): void {
    this.#generation = generation & 0xffff;
    this.#credentials.length = 1;
    this.#head =
      this.#tail =
      this.#published =
      this.#rung =
      this.#settled =
        0;
  }

  /** requests taken of this generation */
  get taken(): number {
    return this.#head;
  }

  /** requests taken and not answered */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether a request is waiting. */
  get pending(): boolean {
    return Atomics.load(this.#views.header, Header.REQUEST_TAIL) !== this.#head;
  }

  /**
   * Takes the requests there are. What they cause is answered in the same turn: `notify` publishes both, so that
   * a client that was told that a call failed has been told of what that made ready.
   * @returns how many
   * @throws RingBroken when the client's index is impossible
   */
  poll(): number {
    // A plain look first: it costs a tenth of an ordered one, and is nearly always in vain.
    if (this.#views.header[Header.REQUEST_TAIL] === this.#head) return 0;
    const tail = Atomics.load(this.#views.header, Header.REQUEST_TAIL);
    const count = (tail - this.#head) | 0;
    if (count === 0) return 0;
    if (count < 0 || count > this.depth) {
      throw new RingBroken(
        `request index ${tail} is not within ${this.depth} entries after ${this.#head}`,
      );
    }
    for (let taken = 0; taken < count; taken++) this.#take();
    return count;
  }

  #take(): void {
    const words = this.#views.requests;
    const at = (this.#head & this.#mask) * ENTRY_WORDS;
    this.#head = (this.#head + 1) | 0;
    this.calls++;
    const numberAndGeneration = words[at + Request.NUMBER];
    const slotAndCredential = words[at + Request.SLOT];
    const offset = words[at + Request.PAYLOAD_OFFSET];
    const length = words[at + Request.PAYLOAD_LENGTH];
    const slot = slotAndCredential & 0xffff;
    // Without a slot that is free there is nobody to answer: the client has lost count.
    if (slot >= this.depth || this.#busy[slot] !== 0) {
      throw new RingBroken(
        `request for slot ${slot}, which is ${slot < this.depth ? "in use" : "not there"}`,
      );
    }
    const request = this.#requests[slot];
    this.#busy[slot] = 1;
    this.#inFlight++;
    const number = numberAndGeneration & 0xffff;
    request.number = number;
    const args = request.args;
    for (let index = 0, word = at + Request.ARGUMENTS; index < 6; index++, word += 2) {
      const low = words[word], high = words[word + 1];
      args[index] = joinWords(low, high);
    }
    const credential = this.#credentials[slotAndCredential >>> 16];
    if (numberAndGeneration >>> 16 !== this.#generation || credential === undefined) {
      return this.#refuse(slot, EINVAL);
    }
    if (offset !== slot * this.#slotBytes || length < 0 || length > this.#slotBytes) {
      return this.#refuse(slot, EFAULT);
    }
    request.credential = credential;
    if (this.#payloadLengths[slot] !== length) {
      this.#payloadLengths[slot] = length;
      request.payload = this.#views.arena.subarray(offset, offset + length);
    }
    if (number >= RingCall.CREDENTIAL) this.#serveRing(request);
    else if (this.intercept === undefined) this.handle(request);
    else this.intercept(request, this.handle);
  }

  #refuse(slot: number, errno: number): void {
    this.refused++;
    this.complete(slot, -errno, 0, 0);
  }

  #serveRing(request: RingRequest): void {
    const index = request.args[0];
    const words = request.payload.length >> 2;
    if (
      request.number !== RingCall.CREDENTIAL || !Number.isInteger(index) || index < 0 ||
      index >= MAX_CREDENTIALS || words < 2
    ) {
      return this.#refuse(request.slot, EINVAL);
    }
    const bytes = request.payload.slice(0, words * 4);
    const ids = Array.from(new Uint32Array(bytes.buffer, bytes.byteOffset, words));
    this.#credentials[index] = { uid: ids[0], gid: ids[1], groups: ids.slice(2) };
    this.complete(request.slot, 0, 0, 0);
  }

  /** Answers a request. The client is told by `publish` or `notify`. */
  complete(
    slot: number,
    status: number,
    transaction: number,
    durable: number,
    spareBytes = 0,
  ): void {
    const completions = this.#views.completions;
    const at = (this.#tail & this.#mask) * ENTRY_WORDS;
    completions[at + Completion.SLOT] = slot | this.#generation << 16;
    completions[at + Completion.STATUS] = status;
    completions[at + Completion.STATUS + 1] = highWord(status);
    completions[at + Completion.TRANSACTION] = transaction;
    completions[at + Completion.TRANSACTION + 1] = highWord(transaction);
    completions[at + Completion.DURABLE] = durable;
    completions[at + Completion.DURABLE + 1] = highWord(durable);
    completions[at + Completion.SPARE] = spareBytes;
    completions[at + Completion.SPARE + 1] = highWord(spareBytes);
    this.#busy[slot] = 0;
    this.#inFlight--;
    this.#tail = (this.#tail + 1) | 0;
    if (((this.#tail - this.#published) | 0) >= PUBLISH_BATCH) this.publish();
  }

  /** Makes every completion so far visible to the client. */
  publish(): void {
    if (this.#published === this.#tail) return;
    this.#published = this.#tail;
    Atomics.store(this.#views.header, Header.COMPLETION_TAIL, this.#tail);
  }

  /** Publishes, and wakes the client if it sleeps and has not been told of the newest completion. */
  notify(): void {
    const settles = this.shape.style === "trap" && this.#settled !== this.#head;
    if (this.#rung === this.#tail && !settles) return;
    this.publish();
    this.#rung = this.#tail;
    if (settles) Atomics.store(this.#views.header, Header.SETTLED, this.#settled = this.#head);
    if (this.bell.ring()) this.doorbells++;
  }
}
