// Whose address is it: answers of ARP (RFC 826) and neighbour discovery (RFC 4861, 7.2) for every address of
// the segment but the machine's own, since there is nobody else on it.
import { parseIp, sameIp } from "../../../../schemas/internet_address.ts";
import { type Frame, NO_BYTES } from "../frame.ts";
import { get16, put16 } from "../../network_order.ts";
import { ETHERNET_BYTES, EtherType } from "../wire.ts";
import { icmpFrame } from "./icmp.ts";
import type { HeadWriter, Packet } from "./packet.ts";

const ARP_BYTES = 28;
const ARP_REQUEST = 1, ARP_REPLY = 2;
const SOLICITATION = 135, ADVERTISEMENT = 136;
/** Solicited, and to be believed over what was known. */
const ADVERTISEMENT_FLAGS = 0x60;
const TARGET_LINK_ADDRESS = 2;
/** Neighbour discovery is for neighbours: nobody passes such a packet on (RFC 4861, 7.1.1). */
const NEIGHBOUR_HOPS = 255;

export class Neighbours {
  readonly #guests: Uint8Array[];

  constructor(private readonly writer: HeadWriter, guests: string[]) {
    this.#guests = guests.map((text) => parseIp(text)!);
  }

  /** The answer to an ARP frame. */
  arp(frame: Uint8Array): Frame | undefined {
    const at = ETHERNET_BYTES;
    if (
      frame.length < at + ARP_BYTES || get16(frame, at) !== 1 ||
      get16(frame, at + 2) !== EtherType.IPV4 || frame[at + 4] !== 6 || frame[at + 5] !== 4 ||
      get16(frame, at + 6) !== ARP_REQUEST
    ) return undefined;
    const target = frame.subarray(at + 24, at + 28);
    if (this.#isGuest(target)) return undefined;
    const head = new Uint8Array(at + ARP_BYTES);
    head.set(this.writer.guestMac);
    head.set(this.writer.ownMac, 6);
    put16(head, 12, EtherType.ARP);
    head.set(frame.subarray(at, at + 6), at);
    put16(head, at + 6, ARP_REPLY);
    head.set(this.writer.ownMac, at + 8);
    head.set(target, at + 14);
    head.set(frame.subarray(at + 8, at + 18), at + 18);
    return { head, body: NO_BYTES };
  }

  /** The answer to a neighbour solicitation; undefined where the packet is none. */
  solicited({ payload, guest, hopLimit }: Packet): Frame | undefined {
    if (payload.length < 24 || payload[0] !== SOLICITATION || hopLimit !== NEIGHBOUR_HOPS) {
      return undefined;
    }
    const target = payload.slice(8, 24);
    // Who asks without an address looks whether its own is in use.
    if (this.#isGuest(target) || target[0] === 0xff || guest.every((byte) => byte === 0)) {
      return undefined;
    }
    const message = new Uint8Array(32);
    message[0] = ADVERTISEMENT;
    message[4] = ADVERTISEMENT_FLAGS;
    message.set(target, 8);
    message.set([TARGET_LINK_ADDRESS, 1], 24);
    message.set(this.writer.ownMac, 26);
    return icmpFrame(this.writer, { version: 6, guest, remote: target }, message, NEIGHBOUR_HOPS);
  }

  #isGuest(ip: Uint8Array): boolean {
    return this.#guests.some((guest) => sameIp(guest, ip));
  }
}
