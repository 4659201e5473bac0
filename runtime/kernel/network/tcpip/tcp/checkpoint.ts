// Connections that outlive their domain: in memory that the next instance is given as this one left it, each
// has a slot with both of its streams and its variables (RFC 9293, 3.3.1). They are written before a
// segment goes out, so that nothing is acknowledged to the peer, or sent, that the next instance would not
// know of. An instance may end at any store: of the two copies of the variables one is always whole.
import type { Connection } from "./connection.ts";
import { HALF_OPEN_BYTES, HalfOpenRecords } from "./half_open_records.ts";
import { State } from "./state.ts";

/** Bytes of one direction of a stream: the largest window and the largest buffer, unless asked for more. */
const STREAM_BYTES = 256 << 10;
const HEADER_BYTES = 4096;
const SLOT_BYTES = HEADER_BYTES + 2 * STREAM_BYTES;
/** Connections that survive; those on top are reset. Slots that are not used take no memory. */
const SLOTS = 128;
const CONNECTIONS_BYTES = SLOTS * SLOT_BYTES;
export const CHECKPOINT_BYTES = CONNECTIONS_BYTES + HALF_OPEN_BYTES;

/** In the first slot: whether there has been an instance. */
const STARTED_AT = 0;
const ADDRESSES_AT = 64;
const COPY_AT = [256, 1024];
const BEGUN = 0, DONE = 1;

/** What is kept of a connection besides its streams: numbers and flags, by name. */
const kept = [
  "state",
  "error",
  "handle",
  "localPort",
  "remotePort",
  "iss",
  "una",
  "queued",
  "window",
  "mostWindow",
  "windowSequence",
  "windowAcknowledgement",
  "windowScale",
  "peerMss",
  "recentTimestamp",
  "irs",
  "rcvNxt",
  "rcvEdge",
  "rcvScale",
  "confirmed",
  "finAt",
] as const;
const flags = [
  "six",
  "chosen",
  "finQueued",
  "timestamps",
  "selective",
  "tentative",
] as const;
/** Besides those: how far was sent, the last timestamp, whether nobody has it any more, and flags as bits. */
const MORE = 4;
const VALUES = kept.length + MORE;

/** Writes what is kept, in its order: name by name, which takes a tenth of the time of a loop over names. */
function write(values: Float64Array, from: Connection): void {
  values[0] = from.state;
  values[1] = from.error;
  values[2] = from.handle;
  values[3] = from.localPort;
  values[4] = from.remotePort;
  values[5] = from.iss;
  values[6] = from.una;
  values[7] = from.queued;
  values[8] = from.window;
  values[9] = from.mostWindow;
  values[10] = from.windowSequence;
  values[11] = from.windowAcknowledgement;
  values[12] = from.windowScale;
  values[13] = from.peerMss;
  values[14] = from.recentTimestamp;
  values[15] = from.irs;
  values[16] = from.rcvNxt;
  values[17] = from.rcvEdge;
  values[18] = from.rcvScale;
  values[19] = from.confirmed;
  values[20] = from.finAt;
}

/** The flags that are kept, in their order, as bits. */
function bitsOf(from: Connection): number {
  return (from.six ? 1 : 0) |
    (from.chosen ? 2 : 0) |
    (from.finQueued ? 4 : 0) |
    (from.timestamps ? 8 : 0) |
    (from.selective ? 16 : 0) |
    (from.tentative ? 32 : 0);
}

/** A connection as the last instance left it. */
export type SavedConnection =
  & Record<typeof kept[number], number>
  & Record<typeof flags[number], boolean>
  & {
    /** behind the last byte that may have been sent */
    nxt: number;
    timestamp: number;
    orphan: boolean;
    source: Uint8Array;
    destination: Uint8Array;
  };

export class Checkpoint {
  readonly sent: Uint8Array;
  readonly received: Uint8Array;
  readonly #addresses: Uint8Array;
  readonly #copies: { marks: Int32Array; values: Float64Array }[];
  #sequence = 0;

  constructor(memory: Uint8Array, private readonly slots: Checkpoints) {
    const { buffer, byteOffset } = memory;
    this.sent = memory.subarray(HEADER_BYTES, HEADER_BYTES + STREAM_BYTES);
    this.received = memory.subarray(HEADER_BYTES + STREAM_BYTES);
    this.#addresses = memory.subarray(ADDRESSES_AT, ADDRESSES_AT + 33);
    this.#copies = COPY_AT.map((at) => ({
      marks: new Int32Array(buffer, byteOffset + at, 2),
      values: new Float64Array(buffer, byteOffset + at + 8, VALUES),
    }));
  }

  /** The slot is that connection's from now on. */
  begin({ path: { source, destination } }: Connection): void {
    this.#addresses[0] = source.length;
    this.#addresses.set(source, 1);
    this.#addresses.set(destination, 17);
  }

  /** @param sentEnd behind the last byte that will have been sent */
  save(connection: Connection, sentEnd = connection.nxt): void {
    const sequence = this.#sequence = this.#sequence + 1 & 0x3fff_ffff;
    const { marks, values } = this.#copies[sequence & 1];
    Atomics.store(marks, BEGUN, sequence);
    write(values, connection);
    let at = kept.length;
    values[at++] = Math.max(sentEnd, connection.nxt);
    values[at++] = connection.tcp.clock() + connection.timestampOffset | 0;
    values[at++] = connection.owner === undefined ? 1 : 0;
    values[at] = bitsOf(connection);
    Atomics.store(marks, DONE, sequence);
  }

  /** What the last instance saved, where it saved anything. */
  load(): SavedConnection | undefined {
    const whole = this.#copies.filter(({ marks }) =>
      marks[BEGUN] !== 0 && marks[BEGUN] === marks[DONE]
    ).sort((a, b) => b.marks[DONE] - a.marks[DONE]);
    if (whole.length === 0) return undefined;
    const [{ marks, values }] = whole;
    this.#sequence = marks[DONE];
    const saved: Record<string, unknown> = {};
    kept.forEach((name, index) => saved[name] = values[index]);
    let at = kept.length;
    saved.nxt = values[at++];
    saved.timestamp = values[at++];
    saved.orphan = values[at++] === 1;
    flags.forEach((name, bit) => saved[name] = (values[at] & 1 << bit) !== 0);
    const size = this.#addresses[0] === 4 ? 4 : 16;
    saved.source = this.#addresses.slice(1, 1 + size);
    saved.destination = this.#addresses.slice(17, 17 + size);
    return saved as unknown as SavedConnection;
  }

  /** The connection does not survive; its streams may still lie here. */
  forget(): void {
    for (const { marks } of this.#copies) Atomics.store(marks, BEGUN, 0);
  }

  /** Nobody needs to know of the connection any more. */
  clear(): void {
    this.forget();
    this.#sequence = 0;
    this.slots.give(this);
  }
}

export class Checkpoints {
  readonly halfOpen: HalfOpenRecords;
  readonly #free: Checkpoint[] = [];
  /** whether there was no instance before */
  readonly first: boolean;
  readonly #saved: { slot: Checkpoint; connection: SavedConnection }[] = [];

  /** @param memory as the last instance left it, {@link CHECKPOINT_BYTES} */
  constructor(memory: Uint8Array) {
    this.first = memory[STARTED_AT] === 0;
    memory[STARTED_AT] = 1;
    this.halfOpen = new HalfOpenRecords(
      memory.subarray(CONNECTIONS_BYTES, CONNECTIONS_BYTES + HALF_OPEN_BYTES),
    );
    for (let at = CONNECTIONS_BYTES - SLOT_BYTES; at >= 0; at -= SLOT_BYTES) {
      const slot = new Checkpoint(memory.subarray(at, at + SLOT_BYTES), this);
      const connection = slot.load();
      if (connection === undefined || connection.state === State.SYN_SENT) this.#free.push(slot);
      else this.#saved.push({ slot, connection });
    }
  }

  /** The connections of the last instance; whoever takes them over has their slots. */
  takeSaved(): { slot: Checkpoint; connection: SavedConnection }[] {
    return this.#saved.splice(0);
  }

  take(): Checkpoint | undefined {
    return this.#free.pop();
  }

  give(slot: Checkpoint): void {
    this.#free.push(slot);
  }
}
