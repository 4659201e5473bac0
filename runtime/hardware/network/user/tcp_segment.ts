// TCP segments (RFC 9293, 3.1) between the machine and the translation: read with suspicion, written with
// what is left to the receiver's side told beside them.
import type { Frame } from "../frame.ts";
import { get16, get32, put16, put32 } from "../../network_order.ts";
import { Protocol } from "../wire.ts";
import type { Ends, HeadWriter } from "./packet.ts";

export const Flag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

const HEADER_BYTES = 20;
/** Without the option (RFC 9293, 3.7.1), by version of IP. */
const DEFAULT_MSS = { 4: 536, 6: 1220 } as const;
const MIN_MSS = 64;
/** RFC 7323, 2.3 */
const MAX_SCALE = 14;
const Option = { END: 0, NOTHING: 1, MSS: 2, SCALE: 3 } as const;

/** What segments say in both directions. */
interface SegmentFields {
  guestPort: number;
  remotePort: number;
  sequence: number;
  acknowledgement: number;
  flags: number;
  /** as it is written, unscaled */
  window: number;
  payload: Uint8Array;
}

/** A segment of the machine. */
export interface Segment extends SegmentFields {
  /** of a SYN */
  mss: number;
  scale: number | undefined;
}

/** @returns undefined where it is malformed */
export function readSegment(bytes: Uint8Array, version: 4 | 6): Segment | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const headerBytes = (bytes[12] >> 4) * 4;
  if (headerBytes < HEADER_BYTES || headerBytes > bytes.length) return undefined;
  const segment: Segment = {
    guestPort: get16(bytes, 0),
    remotePort: get16(bytes, 2),
    sequence: get32(bytes, 4),
    acknowledgement: get32(bytes, 8),
    flags: bytes[13],
    window: get16(bytes, 14),
    payload: bytes.subarray(headerBytes),
    mss: DEFAULT_MSS[version],
    scale: undefined,
  };
  if ((segment.flags & Flag.SYN) !== 0) readOptions(bytes, headerBytes, segment);
  return segment;
}

function readOptions(bytes: Uint8Array, end: number, segment: Segment): void {
  for (let at = HEADER_BYTES; at < end && bytes[at] !== Option.END;) {
    if (bytes[at] === Option.NOTHING) {
      at++;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1] : 0;
    if (length < 2 || at + length > end) return;
    if (bytes[at] === Option.MSS && length === 4) {
      segment.mss = Math.max(MIN_MSS, get16(bytes, at + 2));
    } else if (bytes[at] === Option.SCALE && length === 3) {
      segment.scale = Math.min(MAX_SCALE, bytes[at + 2]);
    }
    at += length;
  }
}

/** A segment for the machine, or several that lie in one frame. */
export interface Outgoing extends SegmentFields {
  /** of a SYN */
  options?: { mss: number; scale: number | undefined };
  /** payload bytes of each segment, where it is larger than one */
  segmentBytes: number;
}

/** @param into a head without options that this wrote before for the same ends, to be used again */
export function writeSegment(
  writer: HeadWriter,
  ends: Ends,
  segment: Outgoing,
  into?: Uint8Array,
): Frame {
  const { options, payload } = segment;
  const optionBytes = options === undefined ? 0 : options.scale === undefined ? 4 : 8;
  const room = HEADER_BYTES + optionBytes;
  const head = writer.head(ends, Protocol.TCP, room, payload.length, undefined, into);
  const at = writer.transportAt(ends.version);
  put16(head, at, segment.remotePort);
  put16(head, at + 2, segment.guestPort);
  put32(head, at + 4, segment.sequence);
  put32(head, at + 8, segment.acknowledgement);
  head[at + 12] = room / 4 << 4;
  head[at + 13] = segment.flags;
  put16(head, at + 14, segment.window);
  if (options !== undefined) {
    head.set([Option.MSS, 4, options.mss >> 8, options.mss & 0xff], at + HEADER_BYTES);
    if (options.scale !== undefined) {
      head.set([Option.NOTHING, Option.SCALE, 3, options.scale], at + HEADER_BYTES + 4);
    }
  }
  const length = room + payload.length;
  put16(head, at + 16, writer.pseudo(head, ends.version, Protocol.TCP, length));
  const segmentBytes = payload.length > segment.segmentBytes ? segment.segmentBytes : 0;
  return { head, body: payload, offload: { checksumStart: at, checksumOffset: 16, segmentBytes } };
}

/** The reset that answers a segment for which there is no connection (RFC 9293, 3.10.7.1). */
export function resetFor(segment: Segment): Outgoing {
  const acknowledged = (segment.flags & Flag.ACK) !== 0;
  const length = segment.payload.length + ((segment.flags & Flag.SYN) !== 0 ? 1 : 0) +
    ((segment.flags & Flag.FIN) !== 0 ? 1 : 0);
  return {
    guestPort: segment.guestPort,
    remotePort: segment.remotePort,
    sequence: acknowledged ? segment.acknowledgement : 0,
    acknowledgement: acknowledged ? 0 : (segment.sequence + length) >>> 0,
    flags: acknowledged ? Flag.RST : Flag.RST | Flag.ACK,
    window: 0,
    payload: segment.payload.subarray(0, 0),
    segmentBytes: 1,
  };
}
