// Ethernet frames between a network device and its backend. What is left undone in them (checksums, the
// cutting of large TCP packets) is told beside them; who needs frames as they are on a wire has it done here.
import { get16, get32, put16, put32 } from "../network_order.ts";
import { checksumOf, pseudoSum, sumWords } from "./wire.ts";
import { ETHERNET_BYTES, EtherType, Protocol } from "./wire.ts";

/** Most bytes of a frame: an IP packet of 64 KiB and its Ethernet header. */
export const MAX_FRAME_BYTES = 65535 + ETHERNET_BYTES;
/** The last flags of a TCP header that belong to the last segment alone: FIN and PSH. */
const LAST_FLAGS = 0x09;
/** CWR is for the first segment alone. */
const FIRST_FLAGS = 0x80;

/** What is left to be done for a frame. */
export interface Offload {
  /** from the start of the frame to the transport header, whose checksum holds the sum of the pseudo-header */
  checksumStart: number;
  /** from there to the checksum */
  checksumOffset: number;
  /** payload bytes of each segment that a large TCP packet is to be cut into; 0: it is as it is to be */
  segmentBytes: number;
}

/** A frame in two parts, so that a payload need not be copied behind its headers. */
export interface Frame {
  head: Uint8Array;
  /** what follows, or nothing */
  body: Uint8Array;
  offload?: Offload;
  /** what its bytes lie in, for whoever is done with them last and knows it */
  memory?: Uint8Array<ArrayBuffer>;
}

export const NO_BYTES = new Uint8Array(0);

export function frameLength(frame: Frame): number {
  return frame.head.length + frame.body.length;
}

/** The bytes of a frame in one piece of its own. */
export function joinFrame({ head, body }: Frame): Uint8Array {
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** Where the payload of a TCP packet begins; undefined where the frame is none that can be cut. */
export function tcpPayloadAt(bytes: Uint8Array, offload: Offload): number | undefined {
  const { checksumStart, checksumOffset } = offload;
  if (checksumOffset !== 16 || checksumStart + 20 > bytes.length) return undefined;
  const etherType = get16(bytes, 12), at = ETHERNET_BYTES;
  if (etherType === EtherType.IPV4) {
    if (bytes[at] >> 4 !== 4 || bytes[at + 9] !== Protocol.TCP) return undefined;
    if (checksumStart !== at + (bytes[at] & 15) * 4 || (bytes[at] & 15) < 5) return undefined;
  } else if (
    etherType !== EtherType.IPV6 || bytes[at + 6] !== Protocol.TCP || checksumStart !== at + 40
  ) return undefined;
  const headerBytes = (bytes[checksumStart + 12] >> 4) * 4;
  const payloadAt = checksumStart + headerBytes;
  return headerBytes < 20 || payloadAt > bytes.length ? undefined : payloadAt;
}

/** The frames that go over a wire for a frame: itself, or its segments, with their checksums. */
export function finishFrame(frame: Frame): Uint8Array[] {
  const { offload } = frame;
  const bytes = frame.body.length > 0 || offload !== undefined ? joinFrame(frame) : frame.head;
  if (offload === undefined) return [bytes];
  const payloadAt = offload.segmentBytes > 0 ? tcpPayloadAt(bytes, offload) : undefined;
  if (payloadAt === undefined || bytes.length - payloadAt <= offload.segmentBytes) {
    const { checksumStart, checksumOffset } = offload;
    const sum = checksumOf(sumWords(bytes, checksumStart, bytes.length));
    // UDP means "no checksum" by 0, and says 0xffff for a sum of 0 (RFC 768).
    put16(bytes, checksumStart + checksumOffset, sum === 0 && checksumOffset === 6 ? 0xffff : sum);
    return [bytes];
  }
  return cut(bytes, offload, payloadAt);
}

function cut(bytes: Uint8Array, offload: Offload, payloadAt: number): Uint8Array[] {
  const segments: Uint8Array[] = [];
  const { checksumStart, segmentBytes } = offload;
  const sequence = get32(bytes, checksumStart + 4);
  for (let from = payloadAt; from < bytes.length; from += segmentBytes) {
    const payload = bytes.subarray(from, from + segmentBytes);
    const segment = new Uint8Array(payloadAt + payload.length);
    segment.set(bytes.subarray(0, payloadAt));
    segment.set(payload, payloadAt);
    put32(segment, checksumStart + 4, sequence + from - payloadAt);
    if (from > payloadAt) segment[checksumStart + 13] &= ~FIRST_FLAGS;
    if (from + segmentBytes < bytes.length) segment[checksumStart + 13] &= ~LAST_FLAGS;
    finishIp(segment, segments.length);
    const addressesAt = get16(segment, 12) === EtherType.IPV4 ? 26 : 22;
    const addressesEnd = addressesAt + (addressesAt === 26 ? 8 : 32);
    const length = segment.length - checksumStart;
    put16(segment, checksumStart + 16, 0);
    const pseudo = pseudoSum(segment, addressesAt, addressesEnd, Protocol.TCP, length);
    put16(
      segment,
      checksumStart + 16,
      checksumOf(sumWords(segment, checksumStart, segment.length, pseudo)),
    );
    segments.push(segment);
  }
  return segments;
}

/** Sets the length of a segment's IP header; of IPv4 also its identification and checksum. */
function finishIp(segment: Uint8Array, index: number): void {
  const at = ETHERNET_BYTES, packetBytes = segment.length - at;
  if (get16(segment, 12) === EtherType.IPV6) return put16(segment, at + 4, packetBytes - 40);
  put16(segment, at + 2, packetBytes);
  put16(segment, at + 4, get16(segment, at + 4) + index & 0xffff);
  put16(segment, at + 10, 0);
  put16(segment, at + 10, checksumOf(sumWords(segment, at, at + (segment[at] & 15) * 4)));
}
