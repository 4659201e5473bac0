// A received TCP segment: header and options (RFC 9293, 3.1 and 3.2; RFC 7323; RFC 2018), read into one
// object that serves all.
import { Packet } from "../link/link.ts";
import { get16, get32 } from "../../../../hardware/network_order.ts";

export const TCP_BYTES = 20;
export const Flag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 } as const;
export const Option = {
  END: 0,
  NOTHING: 1,
  MSS: 2,
  WINDOW_SCALE: 3,
  SACK_PERMITTED: 4,
  SACK: 5,
  TIMESTAMPS: 8,
} as const;
/** The usual start of options: two of no meaning, then timestamps. */
export const ALIGNED_TIMESTAMPS = 0x0101_080a;
export const TIMESTAMPS_BYTES = 12;
/** RFC 7323, 2.3 */
const MOST_SCALE = 14;
const MOST_SACK_BLOCKS = 4;

export class Segment {
  packet = new Packet();
  sourcePort = 0;
  destinationPort = 0;
  /** 32 bits with sign, as all numbers of the wire here */
  sequence = 0;
  acknowledgement = 0;
  flags = 0;
  window = 0;
  dataAt = 0;
  dataEnd = 0;
  timestamped = false;
  timestamp = 0;
  timestampEcho = 0;
  /** 0: not told */
  mss = 0;
  /** negative: not told */
  windowScale = -1;
  sackPermitted = false;
  sackBlocks = 0;
  /** left and right edge of each block */
  readonly sackEdges = new Int32Array(2 * MOST_SACK_BLOCKS);

  get dataBytes(): number {
    return this.dataEnd - this.dataAt;
  }

  has(flags: number): boolean {
    return (this.flags & flags) !== 0;
  }

  /** How much of the sequence space it takes (SEG.LEN). */
  get length(): number {
    return this.dataEnd - this.dataAt + (this.flags & Flag.FIN) + (this.flags >> 1 & 1);
  }

  /** @returns whether the packet holds a segment with a sound header */
  read(packet: Packet): boolean {
    const { bytes, payloadAt: at, end } = packet;
    if (end - at < TCP_BYTES) return false;
    const headerBytes = (bytes[at + 12] >> 4) * 4;
    if (headerBytes < TCP_BYTES || headerBytes > end - at) return false;
    this.packet = packet;
    this.sourcePort = get16(bytes, at);
    this.destinationPort = get16(bytes, at + 2);
    this.sequence = get32(bytes, at + 4) | 0;
    this.acknowledgement = get32(bytes, at + 8) | 0;
    this.flags = bytes[at + 13] & 0x3f;
    this.window = get16(bytes, at + 14);
    this.dataAt = at + headerBytes;
    this.dataEnd = end;
    this.timestamped = this.sackPermitted = false;
    this.mss = this.sackBlocks = 0;
    this.windowScale = -1;
    if (headerBytes === TCP_BYTES) return true;
    const optionsAt = at + TCP_BYTES;
    if (headerBytes === 32 && get32(bytes, optionsAt) === ALIGNED_TIMESTAMPS) {
      this.#readTimestamps(bytes, optionsAt + 4);
    } else this.#readOptions(bytes, optionsAt, this.dataAt);
    return true;
  }

  #readTimestamps(bytes: Uint8Array, at: number): void {
    this.timestamped = true;
    this.timestamp = get32(bytes, at) | 0;
    this.timestampEcho = get32(bytes, at + 4) | 0;
  }

  /** Options that are cut off or make no sense end the list (RFC 9293, MUST-7). */
  #readOptions(bytes: Uint8Array, at: number, end: number): void {
    while (at < end) {
      const kind = bytes[at];
      if (kind === Option.END) return;
      if (kind === Option.NOTHING) {
        at++;
        continue;
      }
      const length = at + 1 < end ? bytes[at + 1] : 0;
      if (length < 2 || at + length > end) return;
      if (kind === Option.MSS && length === 4) this.mss = get16(bytes, at + 2);
      else if (kind === Option.WINDOW_SCALE && length === 3) {
        this.windowScale = Math.min(MOST_SCALE, bytes[at + 2]);
      } else if (kind === Option.SACK_PERMITTED && length === 2) this.sackPermitted = true;
      else if (kind === Option.TIMESTAMPS && length === 10) this.#readTimestamps(bytes, at + 2);
      else if (kind === Option.SACK && length > 2 && (length - 2) % 8 === 0) {
        this.sackBlocks = Math.min(MOST_SACK_BLOCKS, (length - 2) / 8);
        for (let edge = 0; edge < 2 * this.sackBlocks; edge++) {
          this.sackEdges[edge] = get32(bytes, at + 2 + 4 * edge);
        }
      }
      at += length;
    }
  }
}
