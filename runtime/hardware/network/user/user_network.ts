// The backend "user": a segment with the machine on it and nobody else but the translation, which is its
// gateway, its name server, and whoever the machine talks to. Its connections end here and go on as
// connections of the host, to where the manifest allows.
import { parseIp, sameIp } from "../../../../schemas/internet_address.ts";
import type { NetworkBackend } from "../backend.ts";
import type { Frame } from "../frame.ts";
import { get16 } from "../../network_order.ts";
import { ETHERNET_BYTES, EtherType, Protocol } from "../wire.ts";
import type { UserNetworkPlan } from "../../../../schemas/machine_plan.ts";
import { Access } from "./access.ts";
import type { Accept, Closable, HostDatagrams, HostSockets } from "./host_sockets.ts";
import { answerEcho, prohibit } from "./icmp.ts";
import { answerName } from "./name_server.ts";
import { Neighbours } from "./neighbours.ts";
import { HeadWriter, type Packet, readPacket } from "./packet.ts";
import { gatewayEnds, TcpFlows } from "./tcp_flows.ts";
import { UdpFlows } from "./udp_flows.ts";

const OWN_MAC = Uint8Array.of(0x52, 0x55, 10, 0, 2, 2);
const MTU = 1500;
const NAME_PORT = 53;
/** Answers that wait to be received: what comes on top is lost, as on any link. */
const MAX_ANSWERS = 256;

export class UserNetwork implements NetworkBackend {
  readonly mtu = MTU;
  /** packets that were no good, or from an address that is not the machine's */
  dropped = 0;
  readonly tcp: TcpFlows;
  readonly #udp: UdpFlows;
  readonly #writer: HeadWriter;
  readonly #neighbours: Neighbours;
  readonly #access: Access;
  readonly #guests: Uint8Array[];
  readonly #own: Uint8Array[];
  readonly #nameServers: Uint8Array[];
  readonly #listeners: Closable[] = [];
  #answers: Frame[] = [];

  /**
   * @param mac of the machine
   * @param random gets bytes that nobody foresees
   * @param outlives whether the machine goes on with its connections when its end begins anew
   * @param wake called when there may be something to receive
   */
  constructor(
    private readonly plan: UserNetworkPlan,
    mac: Uint8Array,
    private readonly host: HostSockets,
    random: (into: Uint8Array) => void,
    private readonly wake: () => void,
    private readonly outlives = false,
  ) {
    this.#writer = new HeadWriter(mac, OWN_MAC);
    this.#neighbours = new Neighbours(this.#writer, plan.guests);
    this.#access = new Access(plan);
    this.#guests = plan.guests.map((text) => parseIp(text)!);
    this.#nameServers = plan.nameServers.map((text) => parseIp(text)!);
    this.#own = [...plan.gateways.map((text) => parseIp(text)!), ...this.#nameServers];
    this.tcp = new TcpFlows(host, this.#writer, MTU, this.#access, random, wake);
    this.#udp = new UdpFlows(host, this.#writer, MTU, this.#access, wake);
  }

  /** Opens the host's ports. @throws Error naming one that is in use */
  async listen(): Promise<void> {
    const { guests, gateways } = this.plan;
    for (const { protocol, host, port, to } of this.plan.forward) {
      const ends = gatewayEnds(guests, gateways, host);
      if (protocol === "tcp") {
        const accept: Accept = (stream) => this.tcp.accepted(stream, ends, to);
        this.#listeners.push(await this.host.listen(host, port, accept));
        continue;
      }
      const socket: HostDatagrams = await this.host.datagrams(
        host,
        port,
        (bytes, from, fromPort) => {
          this.#udp.fromClient(ends, to, socket, bytes, from, fromPort);
        },
      );
      this.#listeners.push(socket);
    }
  }

  /** There is always room: what is too much of a connection was not asked for, and other packets are lost. */
  send({ head, memory }: Frame): boolean {
    const etherType = head.length < ETHERNET_BYTES ? 0 : get16(head, 12);
    if (etherType === EtherType.ARP) this.#answer(this.#neighbours.arp(head));
    else {
      const packet = readPacket(head);
      if (packet === undefined) this.dropped++;
      else this.#sendPacket(packet, memory);
    }
    return true;
  }

  #sendPacket(packet: Packet, memory: Frame["memory"]): void {
    const { protocol, guest, remote } = packet;
    if (protocol === Protocol.ICMPV6 && packet.version === 6) {
      const answer = this.#neighbours.solicited(packet);
      if (answer !== undefined) return this.#answer(answer);
    }
    if (!this.#guests.some((each) => sameIp(each, guest))) {
      this.dropped++;
      return;
    }
    if (protocol === Protocol.TCP) return this.tcp.send(packet, memory);
    if (protocol === Protocol.UDP) return this.#sendDatagram(packet);
    const own = this.#own.some((each) => sameIp(each, remote));
    this.#answer(own ? answerEcho(this.#writer, packet) : prohibit(this.#writer, packet));
  }

  #sendDatagram(packet: Packet): void {
    const { payload, remote } = packet;
    if (payload.length < 8) return;
    const port = get16(payload, 2);
    if (port === NAME_PORT && this.#nameServers.some((each) => sameIp(each, remote))) {
      const end = Math.min(payload.length, get16(payload, 4));
      const answer = answerName(payload.subarray(8, end), this.#access);
      if (answer !== undefined) this.#udp.deliver(packet, get16(payload, 0), port, answer);
    } else if (!this.#udp.send(packet)) this.#answer(prohibit(this.#writer, packet));
  }

  #answer(frame: Frame | undefined): void {
    if (frame === undefined || this.#answers.length >= MAX_ANSWERS) return;
    this.#answers.push(frame);
    this.wake();
  }

  receive(): Frame | undefined {
    return this.#answers.shift() ?? this.#udp.receive() ?? this.tcp.receive();
  }

  get pending(): boolean {
    return this.#answers.length > 0 || this.#udp.pending || this.tcp.pending;
  }

  reset(): void {
    this.#answers = [];
    this.#udp.reset();
    this.tcp.reset(this.outlives);
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#udp.reset();
    this.tcp.close();
  }
}
