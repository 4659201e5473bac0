// ICMP (RFC 792; RFC 1122, 3.2.2) and ICMPv6 (RFC 4443): answers echo requests, reports what cannot be
// delivered, and hands reports about our own packets to the transports.
import { IPPROTO } from "../../constants.ts";
import { addToSum, foldSum } from "../checksum.ts";
import { EthernetLink } from "../link/ethernet.ts";
import { receiveNdp } from "../link/ndp.ts";
import type { Packet } from "../link/link.ts";
import { put32 } from "../../../../hardware/network_order.ts";
import { type PacketError, readIcmpError, readQuoted } from "./icmp_error.ts";
import { Icmp4, Icmp6, ICMP_BYTES, IcmpMessage } from "./icmp_message.ts";
import { isAny } from "./ip_address.ts";
import type { IpOutput } from "./ip_output.ts";
import type { Routes } from "./routes.ts";

/** Errors sent per second, and at once (RFC 4443, 2.4 f: their rate must be limited). */
const ERRORS_PER_SECOND = 1000, ERROR_BURST = 50;
/** Codes for a neighbour that does not answer. */
const HOST_UNREACHABLE_4 = 1, ADDRESS_UNREACHABLE_6 = 3;
/** Most bytes of a packet with an error (RFC 1812, 4.3.2.3; RFC 4443, 3.1). */
const ERROR_BYTES_4 = 576, ERROR_BYTES_6 = 1280;

/** Who hears of what comes in. */
export interface IcmpUpper {
  /** Something is wrong with a packet that we sent. */
  failed(error: PacketError): void;
  /** A message, for those who read raw ICMP or wait for echoes. */
  observed(packet: Packet): void;
}

export class Icmp {
  #tokens = ERROR_BURST;
  #tokensAtNs = 0;

  constructor(
    private readonly output: IpOutput,
    private readonly routes: Routes,
    private readonly nowNs: () => number,
    private readonly upper: IcmpUpper,
  ) {}

  receive(packet: Packet): void {
    const { bytes, payloadAt: at, end, version } = packet;
    if (end - at < ICMP_BYTES || !this.#isIntact(packet)) return;
    this.upper.observed(packet);
    const type = bytes[at];
    if (type === (version === 4 ? Icmp4.ECHO : Icmp6.ECHO)) return this.#answerEcho(packet);
    if (version === 6) {
      const { via } = packet;
      if (type === Icmp6.NEIGHBOUR_SOLICITATION || type === Icmp6.NEIGHBOUR_ADVERTISEMENT) {
        if (via instanceof EthernetLink) receiveNdp(this.output, via, packet);
        return;
      }
    }
    const error = readIcmpError(packet);
    // Nobody but this machine sent what is quoted.
    if (error !== undefined && this.routes.isLocal(error.local)) this.upper.failed(error);
  }

  #isIntact(packet: Packet): boolean {
    if (packet.via.loopback || packet.verified && packet.version === 6) return true;
    const { bytes, payloadAt, end, version, destinationAt, sourceAt } = packet;
    const pseudo = version === 4 ? 0 : addToSum(
      bytes,
      sourceAt,
      destinationAt + 16,
      IPPROTO.ICMPV6 + end - payloadAt,
    );
    return foldSum(addToSum(bytes, payloadAt, end, pseudo)) === 0xffff;
  }

  #answerEcho(packet: Packet): void {
    const { bytes, payloadAt, end, version } = packet;
    // Requests to many are how floods are made (RFC 1122, 3.2.2.6 permits silence); IPv6 answers.
    if (packet.toMany && version === 4) return;
    const source = packet.toMany ? undefined : packet.destination();
    const path = this.routes.find(
      packet.source(),
      source,
      packet.via.loopback ? 0 : packet.via.index,
    );
    if (path === undefined) return;
    const reply = bytes.slice(payloadAt, end);
    reply[0] = version === 4 ? Icmp4.ECHO_REPLY : Icmp6.ECHO_REPLY;
    this.output.send(path, new IcmpMessage(version, reply, 64, packet.trafficClass));
  }

  /** Tells the sender that its packet cannot be delivered (RFC 1122, 3.2.2; RFC 4443, 2.4 e). */
  report(packet: Packet, type: number, code: number, rest = 0): void {
    const { bytes, headerAt, end, version } = packet;
    if (packet.toMany || isAny(packet.source()) || !this.#mayReport()) return;
    const path = this.routes.find(packet.source(), packet.destination());
    if (path === undefined) return;
    const most = (version === 4 ? ERROR_BYTES_4 - 20 : ERROR_BYTES_6 - 40) - ICMP_BYTES;
    const quoted = bytes.subarray(headerAt, Math.min(end, headerAt + most));
    const message = new Uint8Array(ICMP_BYTES + quoted.length);
    message[0] = type;
    message[1] = code;
    put32(message, 4, rest);
    message.set(quoted, ICMP_BYTES);
    this.output.send(path, new IcmpMessage(version, message));
  }

  /** A packet of ours, headers and all, that no neighbour took. */
  undeliverable(bytes: Uint8Array, at: number, version: 4 | 6, errno: number): void {
    const quoted = readQuoted(bytes, at, bytes.length, version);
    if (quoted === undefined) return;
    const [type, code] = version === 4
      ? [Icmp4.UNREACHABLE, HOST_UNREACHABLE_4]
      : [Icmp6.UNREACHABLE, ADDRESS_UNREACHABLE_6];
    const found = { errno, fatal: false, mtu: undefined, type, code, info: 0, report: undefined };
    this.upper.failed({ ...quoted, ...found });
  }

  #mayReport(): boolean {
    const now = this.nowNs();
    const earned = (now - this.#tokensAtNs) / 1e9 * ERRORS_PER_SECOND;
    this.#tokens = Math.min(ERROR_BURST, this.#tokens + earned);
    this.#tokensAtNs = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
