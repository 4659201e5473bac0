// IP packets of the machine as they come in, checked before anything else looks at them, and the headers
// of those that go to it.
import { get16, put16 } from "../../network_order.ts";
import { checksumOf, pseudoSum, sumWords } from "../wire.ts";
import { ETHERNET_BYTES, EtherType } from "../wire.ts";

const HOP_LIMIT = 64;

/** Who talks to whom. */
export interface Ends {
  version: 4 | 6;
  /** address of the machine */
  guest: Uint8Array;
  /** address of the other, as the machine knows it */
  remote: Uint8Array;
}

export interface Packet extends Ends {
  protocol: number;
  hopLimit: number;
  /** from its IP header on, and no more than the packet */
  bytes: Uint8Array;
  /** what the IP header carries */
  payload: Uint8Array;
}

/** Ends that stay as they are when the packet that they were read of is gone. */
export function keptEnds({ version, guest, remote }: Ends): Ends {
  return { version, guest: guest.slice(), remote: remote.slice() };
}

/**
 * @param frame that the packet lies in from then on
 * @returns undefined where the frame holds no whole packet: what is malformed is dropped, and so are
 *   fragments
 */
export function readPacket(frame: Uint8Array): Packet | undefined {
  if (frame.length < ETHERNET_BYTES + 20) return undefined;
  const etherType = get16(frame, 12), at = ETHERNET_BYTES;
  if (etherType === EtherType.IPV4) {
    const headerBytes = (frame[at] & 15) * 4, total = get16(frame, at + 2);
    if (
      frame[at] >> 4 !== 4 || headerBytes < 20 || total < headerBytes ||
      at + total > frame.length ||
      (get16(frame, at + 6) & 0x3fff) !== 0 || sumWords(frame, at, at + headerBytes) !== 0xffff
    ) return undefined;
    return {
      version: 4,
      guest: frame.subarray(at + 12, at + 16),
      remote: frame.subarray(at + 16, at + 20),
      protocol: frame[at + 9],
      hopLimit: frame[at + 8],
      bytes: frame.subarray(at, at + total),
      payload: frame.subarray(at + headerBytes, at + total),
    };
  }
  if (etherType !== EtherType.IPV6 || frame.length < at + 40 || frame[at] >> 4 !== 6) {
    return undefined;
  }
  const end = at + 40 + get16(frame, at + 4);
  if (end > frame.length) return undefined;
  return {
    version: 6,
    guest: frame.subarray(at + 8, at + 24),
    remote: frame.subarray(at + 24, at + 40),
    protocol: frame[at + 6],
    hopLimit: frame[at + 7],
    bytes: frame.subarray(at, end),
    payload: frame.subarray(at + 40, end),
  };
}

/** Writes the headers of frames to the machine. */
export class HeadWriter {
  #identification = 0;

  constructor(readonly guestMac: Uint8Array, readonly ownMac: Uint8Array) {}

  /** First byte behind the IP header. */
  transportAt(version: 4 | 6): number {
    return ETHERNET_BYTES + (version === 4 ? 20 : 40);
  }

  /**
   * @param room bytes behind the IP header to leave in the same piece, zero
   * @param payloadBytes bytes behind that, in another piece
   * @param into what it is written to, where it was as long and of as many hops before
   */
  head(
    ends: Ends,
    protocol: number,
    room: number,
    payloadBytes: number,
    hops = HOP_LIMIT,
    into?: Uint8Array,
  ): Uint8Array {
    const at = ETHERNET_BYTES, { version } = ends;
    const bytes = into ?? new Uint8Array(this.transportAt(version) + room);
    bytes.set(this.guestMac);
    bytes.set(this.ownMac, 6);
    if (version === 4) {
      put16(bytes, 12, EtherType.IPV4);
      bytes[at] = 0x45;
      put16(bytes, at + 2, 20 + room + payloadBytes);
      put16(bytes, at + 4, this.#identification++);
      // Not to be fragmented.
      bytes[at + 6] = 0x40;
      bytes[at + 8] = hops;
      bytes[at + 9] = protocol;
      bytes.set(ends.remote, at + 12);
      bytes.set(ends.guest, at + 16);
      put16(bytes, at + 10, 0);
      put16(bytes, at + 10, checksumOf(sumWords(bytes, at, at + 20)));
    } else {
      put16(bytes, 12, EtherType.IPV6);
      bytes[at] = 0x60;
      put16(bytes, at + 4, room + payloadBytes);
      bytes[at + 6] = protocol;
      bytes[at + 7] = hops;
      bytes.set(ends.remote, at + 8);
      bytes.set(ends.guest, at + 24);
    }
    return bytes;
  }

  /** The sum that a transport checksum begins with. */
  pseudo(head: Uint8Array, version: 4 | 6, protocol: number, length: number): number {
    const at = ETHERNET_BYTES + (version === 4 ? 12 : 8);
    return pseudoSum(head, at, at + (version === 4 ? 8 : 32), protocol, length);
  }
}
