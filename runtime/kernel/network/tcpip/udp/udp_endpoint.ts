// Endpoints of UDP (RFC 768; udp(7)).
import { E, fail } from "../../../errno.ts";
import { IPPROTO, SOCK } from "../../constants.ts";
import { DatagramEndpoint } from "../datagram_endpoint.ts";
import type { Outgoing } from "../ip/outgoing.ts";
import type { Path } from "../ip/path.ts";
import type { Packet } from "../link/link.ts";
import type { Stack } from "../stack.ts";
import { get16, put16 } from "../../../../hardware/network_order.ts";
import { copyBytes } from "../bytes.ts";

export const UDP_BYTES = 8;
/** What the length fields of UDP and IPv4 leave for data. */
const MOST_BYTES_4 = 65_507, MOST_BYTES_6 = 65_527;

class UdpDatagram implements Outgoing {
  readonly protocol = IPPROTO.UDP;
  readonly checksumOffset = 6;
  readonly segmentBytes = 0;
  readonly headerBytes = UDP_BYTES;
  length = 0;
  hopLimit = 64;
  trafficClass = 0;
  dontFragment = false;
  fromPort = 0;
  toPort = 0;
  data!: Uint8Array;

  write(into: Uint8Array, at: number): void {
    put16(into, at, this.fromPort);
    put16(into, at + 2, this.toPort);
    put16(into, at + 4, this.length);
    put16(into, at + 6, 0);
    copyBytes(this.data, 0, into, at + UDP_BYTES, this.data.length);
  }
}

/** One serves all: sending is over when the call returns. */
const datagram = new UdpDatagram();

export class UdpEndpoint extends DatagramEndpoint {
  constructor(stack: Stack, family: number) {
    super(stack, family, SOCK.DGRAM, IPPROTO.UDP);
  }

  protected override transmit(path: Path, port: number, data: Uint8Array): boolean {
    if (port === 0) fail(E.EINVAL);
    if (data.length > (path.version === 4 ? MOST_BYTES_4 : MOST_BYTES_6)) fail(E.EMSGSIZE);
    this.dress(datagram, path);
    datagram.fromPort = this.port;
    datagram.toPort = port;
    datagram.data = data;
    datagram.length = UDP_BYTES + data.length;
    const result = this.stack.send(path, datagram);
    if (result === "too big") this.refuse(path, port);
    return result === "sent";
  }

  protected override ensurePort(): void {
    if (this.port === 0) this.takePort(0);
  }

  protected override takePort(port: number): void {
    this.stack.udp.ports.take(this, port);
  }

  protected override releasePort(): void {
    if (this.port !== 0) this.stack.udp.ports.remove(this);
  }

  /** A datagram for this endpoint. */
  take(packet: Packet): void {
    const { bytes, payloadAt: at, version, via } = packet;
    const data = bytes.slice(at + UDP_BYTES, at + get16(bytes, at + 4));
    const scope = version === 6 && bytes[packet.sourceAt] === 0xfe ? via.index : 0;
    this.enqueue(data, this.tell(packet.source(), get16(bytes, at), scope), packet);
  }
}
