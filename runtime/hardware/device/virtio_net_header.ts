// The header before each packet of virtio-net (virtio 1.2, 5.1.6), its features (5.1.3), and what of a
// header that the driver wrote can be meant seriously.
import { type Offload, tcpPayloadAt } from "../network/frame.ts";

export const Net = {
  FEATURE_CSUM: 1 << 0,
  FEATURE_GUEST_CSUM: 1 << 1,
  FEATURE_MTU: 1 << 3,
  FEATURE_MAC: 1 << 5,
  FEATURE_GUEST_TSO4: 1 << 7,
  FEATURE_GUEST_TSO6: 1 << 8,
  FEATURE_HOST_TSO4: 1 << 11,
  FEATURE_HOST_TSO6: 1 << 12,
  FEATURE_MRG_RXBUF: 1 << 15,
  FEATURE_STATUS: 1 << 16,
  LINK_UP: 1,
  RECEIVE: 0,
  TRANSMIT: 1,
  CONFIG_BYTES: 12,
  HEADER_BYTES: 12,
} as const;

const NEEDS_CHECKSUM = 1, DATA_VALID = 2;
const GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_ECN = 0x80;
/** Segments smaller than this are a way to make the host work, not a way to send. */
const MIN_SEGMENT_BYTES = 64;

/** What the header says, by offset: flags, kind, and four little-endian words of 16 bits. */
const At = { FLAGS: 0, KIND: 1, HEADERS: 2, SEGMENT: 4, START: 6, OFFSET: 8, BUFFERS: 10 } as const;

/**
 * What a driver asks to be done for a frame.
 * @param features that it accepted
 * @returns undefined for nothing; "malformed" where it contradicts itself or the frame
 */
export function readTransmitHeader(
  header: Uint8Array,
  frame: Uint8Array,
  features: number,
): Offload | undefined | "malformed" {
  const kind = header[At.KIND] & ~GSO_ECN;
  if ((header[At.FLAGS] & NEEDS_CHECKSUM) === 0) return kind === GSO_NONE ? undefined : "malformed";
  const checksumStart = word(header, At.START), checksumOffset = word(header, At.OFFSET);
  if (
    (features & Net.FEATURE_CSUM) === 0 || checksumStart < 14 ||
    checksumStart + checksumOffset + 2 > frame.length
  ) return "malformed";
  const offload = { checksumStart, checksumOffset, segmentBytes: 0 };
  if (kind === GSO_NONE) return offload;
  const feature = kind === GSO_TCPV4
    ? Net.FEATURE_HOST_TSO4
    : kind === GSO_TCPV6
    ? Net.FEATURE_HOST_TSO6
    : 0;
  offload.segmentBytes = word(header, At.SEGMENT);
  if (
    (features & feature) === 0 || offload.segmentBytes < MIN_SEGMENT_BYTES ||
    tcpPayloadAt(frame, offload) === undefined
  ) return "malformed";
  return offload;
}

/** Writes the header of a frame that is sent, or received without merged buffers. */
export function writeHeader(
  into: Uint8Array,
  offload: Offload | undefined,
  version: 4 | 6,
  headerBytes: number,
  buffers: number,
): void {
  into.fill(0, 0, Net.HEADER_BYTES);
  setWord(into, At.BUFFERS, buffers);
  if (offload === undefined) return;
  into[At.FLAGS] = NEEDS_CHECKSUM;
  setWord(into, At.START, offload.checksumStart);
  setWord(into, At.OFFSET, offload.checksumOffset);
  if (offload.segmentBytes === 0) return;
  into[At.KIND] = version === 4 ? GSO_TCPV4 : GSO_TCPV6;
  setWord(into, At.HEADERS, headerBytes);
  setWord(into, At.SEGMENT, offload.segmentBytes);
}

/** What a driver needs of the header of a received frame. */
export function readReceiveHeader(header: Uint8Array): { verified: boolean; buffers: number } {
  return {
    // A checksum that is still to be filled in was never in danger.
    verified: (header[At.FLAGS] & (NEEDS_CHECKSUM | DATA_VALID)) !== 0,
    buffers: word(header, At.BUFFERS),
  };
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8;
}

function setWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
}
