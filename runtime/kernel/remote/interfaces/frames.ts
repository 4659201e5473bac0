// The interface `frames` across a ring. Frames go in batches: those of a turn are one call, written into the ring
// by whoever makes them. The client has some calls wait at the driver for what comes; the driver fills the first
// of them and answers it at the end of its turn.
//
// A driver that dies loses frames, as any link may, and its stack goes on: what is sent meanwhile waits for the
// next driver, as for room in a queue.
import { RingBroken } from "../../../hypervisor/ring/layout.ts";
import { Answer, type Blocking, type Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { FrameDevice, TransmitOffload } from "../../network/frame_device.ts";
import { get16, get32, put16, put32 } from "../../../hardware/network_order.ts";
import type { Service, ServiceCall } from "../../service.ts";
import { type Connection, LOST, type PlacedCompleter } from "../transport/connection.ts";
import { FrameCall } from "../transport/payload_flow.ts";

// Before each frame in a batch, in network order: its length (32 bits), flags (16), and where a sender asks for it, what the device
// is to do (TransmitOffload, 16 bits each). Frames begin at multiples of 8.
const HEAD_BYTES = 16;
const Flag = { OFFLOAD: 1, VERIFIED: 2 } as const;
const Property = { CHECKSUMS: 1, SEGMENTS: 2 } as const;
const PROPERTIES_BYTES = 16;

/** The largest frame: a packet of 64 KiB behind an Ethernet header. */
const MAX_FRAME_BYTES = 65536 + 14;
/** What a driver may say of its link (RFC 791, 3.2: every link carries 68 bytes). */
const LEAST_MTU = 68, MOST_MTU = 65535;
const MAX_EARLY_BYTES = 256 << 10;
/** Of a ring's slots, one in so many waits for frames to come. */
const RECEIVING_SHARE = 4;

const kernel = { uid: 0, gid: 0, groups: [] };

function recordBytes(frameBytes: number): number {
  return (HEAD_BYTES + frameBytes + 7) & ~7;
}

/** @param offload none: frames that came have `verified` in its place */
function putHead(
  into: Uint8Array,
  at: number,
  length: number,
  verified: boolean,
  offload: TransmitOffload | undefined,
): void {
  put32(into, at, length);
  put16(into, at + 4, (verified ? Flag.VERIFIED : 0) | (offload ? Flag.OFFLOAD : 0));
  if (offload === undefined) return;
  put16(into, at + 6, offload.checksumStart);
  put16(into, at + 8, offload.checksumOffset);
  put16(into, at + 10, offload.segmentBytes);
  put16(into, at + 12, offload.headerBytes);
}

function getOffload(bytes: Uint8Array, at: number): TransmitOffload | undefined {
  if ((get16(bytes, at + 4) & Flag.OFFLOAD) === 0) return undefined;
  return {
    checksumStart: get16(bytes, at + 6),
    checksumOffset: get16(bytes, at + 8),
    segmentBytes: get16(bytes, at + 10),
    headerBytes: get16(bytes, at + 12),
  };
}

/** A call that waits until its frames are sent. */
class Sending extends Answer<number> {
  /** where the first frame is that is not sent */
  at = 0;

  constructor(readonly payload: Uint8Array) {
    super();
  }
}

/** A call that waits for frames. */
class Batch extends Answer<number> {
  used = 0;

  constructor(readonly payload: Uint8Array) {
    super();
  }

  /** @returns false where there is no room for it */
  take(frame: Uint8Array, verified: boolean): boolean {
    if (recordBytes(frame.length) > this.payload.length - this.used) return false;
    putHead(this.payload, this.used, frame.length, verified, undefined);
    this.payload.set(frame, this.used + HEAD_BYTES);
    this.used += recordBytes(frame.length);
    return true;
  }
}

interface Early {
  frame: Uint8Array;
  verified: boolean;
}

export class FrameServer implements Service {
  readonly transaction = 0;
  readonly durable = 0;
  /** frames that came when nobody waited for any, and that there was no room for, or that fit into no slot */
  dropped = 0;
  /** frames that came before somebody waits for them, as when a stack has lost its driver */
  readonly #early: Early[] = [];
  #earlyBytes = 0;
  readonly #batches: Batch[] = [];
  /** for which there was no room: frames stay in order */
  readonly #sending: Sending[] = [];

  constructor(private readonly device: FrameDevice) {
    device.received = (frame, verified) => this.#received(frame, verified);
    device.writable = () => this.#goOnSending();
  }

  call({ number, payload }: ServiceCall): Blocking<number> {
    switch (number) {
      case FrameCall.PROPERTIES:
        return this.#tellProperties(payload);
      case FrameCall.RECEIVE: {
        const batch = new Batch(payload);
        this.#batches.push(batch);
        this.#takeEarly(batch);
        return batch;
      }
      case FrameCall.SEND: {
        const sending = new Sending(payload);
        if (this.#sending.length === 0 && this.#send(sending)) return 0;
        this.#sending.push(sending);
        return sending;
      }
      default:
        return fail(E.ENOSYS);
    }
  }

  #tellProperties(into: Uint8Array): number {
    if (into.length < PROPERTIES_BYTES) fail(E.EFAULT);
    const { mac, mtu, checksumsSent, segmentsSent } = this.device;
    into.set(mac);
    put16(
      into,
      6,
      (checksumsSent ? Property.CHECKSUMS : 0) | (segmentsSent ? Property.SEGMENTS : 0),
    );
    put32(into, 8, mtu);
    return 0;
  }

  /** Sends what there is room for. The client may write what it likes: each field is read once. @returns whether all */
  #send(sending: Sending): boolean {
    const { payload } = sending;
    while (sending.at < payload.length) {
      const { at } = sending;
      if (payload.length - at < HEAD_BYTES) fail(E.EINVAL);
      const length = get32(payload, at);
      if (length > MAX_FRAME_BYTES || recordBytes(length) > payload.length - at) fail(E.EINVAL);
      const begin = at + HEAD_BYTES;
      const fill = (into: Uint8Array) => into.set(payload.subarray(begin, begin + length));
      if (!this.device.send(length, fill, getOffload(payload, at))) return false;
      sending.at += recordBytes(length);
    }
    return true;
  }

  #goOnSending(): void {
    for (let [first] = this.#sending; first !== undefined; [first] = this.#sending) {
      try {
        if (!this.#send(first)) return;
        first.settle(0);
      } catch (failure) {
        first.settle(undefined, failure);
      }
      this.#sending.shift();
    }
  }

  #received(frame: Uint8Array, verified: boolean): void {
    if (this.#early.length === 0) {
      if (this.#batches[0]?.take(frame, verified)) return;
      this.endTurn();
      if (this.#batches[0]?.take(frame, verified)) return;
    }
    if (this.#earlyBytes + frame.length > MAX_EARLY_BYTES) {
      this.dropped++;
      return;
    }
    this.#early.push({ frame: frame.slice(), verified });
    this.#earlyBytes += frame.length;
  }

  #takeEarly(batch: Batch): void {
    for (let [first] = this.#early; first !== undefined; [first] = this.#early) {
      const taken = batch.take(first.frame, first.verified);
      if (!taken && batch.used > 0) return;
      if (!taken) this.dropped++;
      this.#early.shift();
      this.#earlyBytes -= first.frame.length;
    }
  }

  endTurn(): void {
    const [first] = this.#batches;
    if (first === undefined || first.used === 0) return;
    this.#batches.shift();
    first.settle(first.used);
  }

  abandon(): void {
    this.#early.length = this.#earlyBytes = 0;
    for (const batch of this.#batches.splice(0)) batch.settle(0);
  }
}

/** A network interface whose driver is in another domain. `probe` has to run before it is used. */
export class FrameClient implements FrameDevice {
  readonly mac = new Uint8Array(6);
  mtu = 0;
  checksumsSent = false;
  segmentsSent = false;
  received: FrameDevice["received"] = () => {};
  writable: FrameDevice["writable"] = () => {};
  resumed = () => {};
  /** what came, out of the driver's reach */
  readonly #came: Uint8Array;
  readonly #receiving: RingUse[];
  /** the batch that this turn's frames are written to, and how far; none: negative */
  #slot = -1;
  #used = 0;
  /** the driver that has the batch's slot */
  #generation = 0;
  #blocked = false;

  constructor(private readonly connection: Connection) {
    this.#came = new Uint8Array(connection.maxPayloadBytes);
    this.#receiving = Array.from(
      { length: Math.ceil(connection.ring.depth / RECEIVING_SHARE) },
      () => new RingUse(connection, (status, slot, use) => this.#take(status, slot, use)),
    );
    connection.onTurnEnd = () => this.#flush();
    connection.changed.watch(() => this.#changed());
  }

  /** Asks the driver what interface it has. @returns false where there is none, and will not be */
  *probe(): Coroutine<boolean> {
    const { connection } = this;
    const payload = new Uint8Array(PROPERTIES_BYTES);
    const call = { number: FrameCall.PROPERTIES, args: [], credential: kernel, payload };
    for (let status = LOST; status !== 0;) {
      while (connection.state === "down") yield connection.changed;
      if (connection.state === "gone") return false;
      status = yield* connection.call(call);
      if (status !== 0 && status !== LOST) return false;
    }
    this.mac.set(payload.subarray(0, 6));
    const flags = get16(payload, 6);
    this.checksumsSent = (flags & Property.CHECKSUMS) !== 0;
    this.segmentsSent = (flags & Property.SEGMENTS) !== 0;
    this.mtu = Math.min(Math.max(get32(payload, 8), LEAST_MTU), MOST_MTU);
    return true;
  }

  send(length: number, fill: (into: Uint8Array) => void, offload?: TransmitOffload): boolean {
    const bytes = recordBytes(length);
    // Nobody will ever take it.
    if (this.connection.state === "gone" || bytes > this.connection.maxPayloadBytes) return true;
    if (!this.#makeRoom(bytes)) {
      this.#blocked = true;
      return false;
    }
    const { ring } = this.connection;
    const at = ring.payloadOffset(this.#slot) + this.#used;
    putHead(ring.arena, at, length, false, offload);
    fill(ring.arena.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length));
    ring.copied(length);
    this.#used += bytes;
    return true;
  }

  #makeRoom(bytes: number): boolean {
    const { connection } = this;
    if (this.#slot >= 0 && bytes > connection.maxPayloadBytes - this.#used) this.#flush();
    if (this.#slot >= 0) return true;
    this.#slot = connection.reserve();
    this.#used = 0;
    this.#generation = connection.generation;
    return this.#slot >= 0;
  }

  #flush(): void {
    const slot = this.#slot, { connection } = this;
    if (slot < 0) return;
    this.#slot = -1;
    if (connection.state !== "up" || connection.generation !== this.#generation) return;
    connection.submit(slot, FrameCall.SEND, this.#used, this.#sent());
  }

  #sent(): RingUse {
    return new RingUse(this.connection, () => this.#hasRoom());
  }

  #hasRoom(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.writable();
  }

  /** A driver has come or gone: what was written for another is lost. */
  #changed(): void {
    this.#slot = -1;
    if (this.connection.state === "up") { for (const each of this.#receiving) this.#wait(each); }
    if (this.connection.state !== "down") this.#hasRoom();
    if (this.connection.state === "up") this.resumed();
  }

  /** Has a call wait for frames. */
  #wait(receiving: RingUse): void {
    const { connection } = this, slot = connection.reserve();
    if (slot < 0) return;
    connection.submit(slot, FrameCall.RECEIVE, connection.maxPayloadBytes, receiving);
  }

  /** Hands on what a batch brought. @throws RingBroken where that is no batch */
  #take(status: number, slot: number, receiving: RingUse): void {
    const { ring } = this.connection, came = this.#came;
    if (status < 0 || status > came.length) {
      throw new RingBroken(`frames were answered with ${status}`);
    }
    came.set(ring.payload(slot, status));
    ring.copied(status);
    // First, as the driver may have more.
    this.#wait(receiving);
    for (let at = 0; at < status;) {
      const length = get32(came, at), begin = at + HEAD_BYTES;
      if (begin + length > status) {
        throw new RingBroken(`a frame of ${length} bytes is none within ${status}`);
      }
      const verified = (get16(came, at + 4) & Flag.VERIFIED) !== 0;
      this.received(came.subarray(begin, begin + length), verified);
      at += recordBytes(length);
    }
  }
}

/** Takes the answer to one call after the other. */
class RingUse implements PlacedCompleter {
  place = -1;

  constructor(
    private readonly connection: Connection,
    private readonly answered: (status: number, slot: number, use: RingUse) => void,
  ) {}

  complete(status: number, slot: number): void {
    if (status === LOST) return;
    this.connection.traceAnswer(this.place, status);
    this.answered(status, slot, this);
  }
}
