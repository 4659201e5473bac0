// Sends packets of the transports: whole, cut by the device, or as fragments (RFC 791, 2.3; RFC 8200, 4.5).
import type { TransmitOffload } from "../../frame_device.ts";
import { put16, put32 } from "../../../../hardware/network_order.ts";
import { copyBytes } from "../bytes.ts";
import { ETHERNET_BYTES } from "../link/ethernet.ts";
import {
  fillChecksum,
  ipHeaderBytes,
  IPV4_BYTES,
  IPV6_BYTES,
  isChecksumOffloaded,
  type Outgoing,
  PacketWriter,
  writeIpv4Header,
  writeIpv6Header,
} from "./outgoing.ts";
import type { Path } from "./path.ts";

const FRAGMENT_HEADER = 44, FRAGMENT_HEADER_BYTES = 8;
const MORE_FRAGMENTS = 0x2000;

/** What became of a packet. */
export type SendResult = "sent" | "no room" | "too big";

export class IpOutput {
  #writer = new PacketWriter();
  #identification: number;
  /** A device reads it before `send` returns, or copies it. */
  #offload: TransmitOffload = {
    checksumStart: 0,
    checksumOffset: 0,
    segmentBytes: 0,
    headerBytes: 0,
  };

  /** @param random where identifications start (RFC 7739) */
  constructor(random: (into: Uint8Array) => void) {
    const seed = new Uint8Array(4);
    random(seed);
    this.#identification = seed[0] << 24 | seed[1] << 16 | seed[2] << 8 | seed[3];
  }

  send(path: Path, outgoing: Outgoing): SendResult {
    const headerBytes = ipHeaderBytes(path.version);
    const total = headerBytes + outgoing.length;
    if (total > path.mtu && outgoing.segmentBytes === 0) {
      return outgoing.dontFragment ? "too big" : this.#sendFragments(path, outgoing);
    }
    const writer = this.#writer;
    writer.path = path;
    writer.outgoing = outgoing;
    this.#identification = this.#identification + 1 | 0;
    writer.identification = outgoing.dontFragment ? 0 : this.#identification & 0xffff;
    const sent = path.via.send(
      writer,
      total,
      path.version,
      path.neighbour(),
      this.#offloadFor(path, outgoing, headerBytes),
    );
    return sent ? "sent" : "no room";
  }

  #offloadFor(path: Path, outgoing: Outgoing, headerBytes: number): TransmitOffload | undefined {
    if (!isChecksumOffloaded(path, outgoing)) return undefined;
    const offload = this.#offload;
    offload.checksumStart = ETHERNET_BYTES + headerBytes;
    offload.checksumOffset = outgoing.checksumOffset;
    offload.segmentBytes = outgoing.segmentBytes;
    offload.headerBytes = outgoing.segmentBytes === 0
      ? 0
      : ETHERNET_BYTES + headerBytes + outgoing.headerBytes;
    return offload;
  }

  /** Every fragment but the last has a multiple of 8 bytes. */
  #sendFragments(path: Path, outgoing: Outgoing): SendResult {
    const whole = new Uint8Array(outgoing.length);
    outgoing.write(whole, 0);
    // No device can sum up what it sees in pieces.
    fillChecksum(whole, 0, path, outgoing, false);
    this.#identification = this.#identification + 1 | 0;
    // Sending may ask for a neighbour first, which takes identifications too.
    const identification = this.#identification;
    const extra = path.version === 4 ? IPV4_BYTES : IPV6_BYTES + FRAGMENT_HEADER_BYTES;
    const step = path.mtu - extra & ~7;
    for (let from = 0; from < whole.length; from += step) {
      const count = Math.min(step, whole.length - from);
      const more = from + count < whole.length;
      const fragment = { whole, identification, from, count, more };
      const write = (into: Uint8Array, at: number) =>
        path.version === 4
          ? writeFragment4(path, outgoing, fragment, into, at)
          : writeFragment6(path, outgoing, fragment, into, at);
      if (!path.via.send({ write }, extra + count, path.version, path.neighbour(), undefined)) {
        return "no room";
      }
    }
    return "sent";
  }
}

interface Fragment {
  whole: Uint8Array;
  identification: number;
  from: number;
  count: number;
  more: boolean;
}

function writeFragment4(
  path: Path,
  outgoing: Outgoing,
  { whole, identification, from, count, more }: Fragment,
  into: Uint8Array,
  at: number,
): void {
  const place = (more ? MORE_FRAGMENTS : 0) | from >> 3;
  writeIpv4Header(into, at, path, outgoing, count, identification & 0xffff, place);
  copyBytes(whole, from, into, at + IPV4_BYTES, count);
}

function writeFragment6(
  path: Path,
  outgoing: Outgoing,
  { whole, identification, from, count, more }: Fragment,
  into: Uint8Array,
  at: number,
): void {
  writeIpv6Header(into, at, path, outgoing, FRAGMENT_HEADER_BYTES + count, FRAGMENT_HEADER);
  into[at + 40] = outgoing.protocol;
  into[at + 41] = 0;
  put16(into, at + 42, from | (more ? 1 : 0));
  put32(into, at + 44, identification);
  copyBytes(whole, from, into, at + IPV6_BYTES + FRAGMENT_HEADER_BYTES, count);
}
