// Endpoints of ICMP as ping(8) uses them: echo sockets (SOCK_DGRAM; icmp(7)), whose port is the identifier
// of their echoes, and raw sockets (SOCK_RAW; raw(7)), which see every message.
import { E, fail } from "../../../errno.ts";
import { AF, IPPROTO, SOCK } from "../../constants.ts";
import { DatagramEndpoint } from "../datagram_endpoint.ts";
import type { Packet } from "../link/link.ts";
import type { Stack } from "../stack.ts";
import { get16, put16 } from "../../../../hardware/network_order.ts";
import { Icmp4, Icmp6, ICMP_BYTES, IcmpMessage } from "./icmp_message.ts";
import type { PacketError } from "./icmp_error.ts";
import { equalAddress, isLinkLocal } from "./ip_address.ts";
import type { Path } from "./path.ts";

export class IcmpEndpoint extends DatagramEndpoint {
  readonly #raw: boolean;

  constructor(stack: Stack, family: number, type: number) {
    super(stack, family, type, family === AF.INET ? IPPROTO.ICMP : IPPROTO.ICMPV6);
    this.#raw = type === SOCK.RAW;
    if (this.#raw) stack.icmpEndpoints.add(this);
  }

  protected override transmit(path: Path, _port: number, data: Uint8Array): boolean {
    if (data.length < ICMP_BYTES || data.length > 65_507) {
      fail(data.length < ICMP_BYTES ? E.EINVAL : E.EMSGSIZE);
    }
    const message = data.slice();
    if (!this.#raw) {
      if (message[0] !== (this.six ? Icmp6.ECHO : Icmp4.ECHO) || message[1] !== 0) fail(E.EINVAL);
      put16(message, 4, this.port);
    }
    const outgoing = new IcmpMessage(path.version, message);
    this.dress(outgoing, path);
    const result = this.stack.send(path, outgoing);
    if (result === "too big") this.refuse(path, 0);
    return result === "sent";
  }

  protected override ensurePort(): void {
    if (this.port === 0) this.takePort(0);
  }

  protected override takePort(port: number): void {
    if (this.#raw) return;
    const free = (each: number) => {
      for (const other of this.stack.icmpEndpoints) {
        if (!other.#raw && other.family === this.family && other.port === each) return false;
      }
      return true;
    };
    if (port !== 0 && !free(port)) fail(E.EADDRINUSE);
    this.port = port !== 0 ? port : this.stack.udp.ports.choose(free);
    this.stack.icmpEndpoints.add(this);
  }

  protected override releasePort(): void {
    this.stack.icmpEndpoints.delete(this);
  }

  /** A message came in that may be for this endpoint. */
  observe(packet: Packet): void {
    const { bytes, payloadAt: at, end, version, headerAt } = packet;
    if (this.six !== (version === 6) || !this.#fits(packet)) return;
    const source = packet.source();
    const from = this.tell(source, 0, isLinkLocal(source) ? packet.via.index : 0);
    if (this.#raw) {
      // Raw sockets of IPv4 see the IP header too (raw(7)).
      return this.enqueue(bytes.slice(version === 4 ? headerAt : at, end), from, packet);
    }
    const reply = version === 4 ? Icmp4.ECHO_REPLY : Icmp6.ECHO_REPLY;
    if (bytes[at] === reply && get16(bytes, at + 4) === this.port) {
      this.enqueue(bytes.slice(at, end), from, packet);
    }
  }

  #fits(packet: Packet): boolean {
    if (this.boundIp !== undefined && !equalAddress(this.boundIp, packet.destination())) {
      return false;
    }
    return this.peerIp === undefined || equalAddress(this.peerIp, packet.source());
  }

  /** An error came for an echo that this endpoint may have sent. */
  echoFailed(error: PacketError): void {
    const { peerIp } = this;
    const fits = peerIp === undefined || equalAddress(peerIp, error.remote);
    if (this.options.receiveErrors && fits && (this.#raw || error.localPort === this.port)) {
      return this.reported(error, 0);
    }
    if (this.#raw || error.localPort !== this.port || this.peerIp === undefined) return;
    if (equalAddress(this.peerIp, error.remote)) this.failed(error.errno);
  }
}
