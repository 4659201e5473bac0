// The stack as a whole: its links, IP between them and the transports, and what the transports share.
import type { Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import { AF, IPPROTO, SOCK } from "../constants.ts";
import type { Endpoint, InterfaceInfo, Transport } from "../endpoint.ts";
import type { FrameDevice } from "../frame_device.ts";
import { Icmp } from "./ip/icmp.ts";
import { IcmpEndpoint } from "./ip/icmp_endpoint.ts";
import type { PacketError } from "./ip/icmp_error.ts";
import { Icmp4, Icmp6, PROTOCOL_UNREACHABLE_4 } from "./ip/icmp_message.ts";
import { addressKey, isMulticast } from "./ip/ip_address.ts";
import { IpInput } from "./ip/ip_input.ts";
import { IpOutput, type SendResult } from "./ip/ip_output.ts";
import type { Outgoing } from "./ip/outgoing.ts";
import { Path } from "./ip/path.ts";
import { Routes } from "./ip/routes.ts";
import { KeyedHash } from "./keyed_hash.ts";
import { ETHERNET_BYTES, EthernetLink } from "./link/ethernet.ts";
import type { Link, Packet } from "./link/link.ts";
import { LoopbackLink } from "./link/loopback.ts";
import { isOwnGroup, linkLocalAddress, solicit } from "./link/ndp.ts";
import { Neighbours } from "./link/neighbours.ts";
import type { StackSettings } from "./settings.ts";
import { Tcp } from "./tcp/tcp.ts";
import { TcpEndpoint } from "./tcp/tcp_endpoint.ts";
import { Timers } from "./timers.ts";
import { Udp } from "./udp/udp.ts";
import { UdpEndpoint } from "./udp/udp_endpoint.ts";
import { get32 } from "../../../hardware/network_order.ts";

export class Stack {
  readonly nowNs: () => number;
  readonly realtimeNs: () => bigint;
  readonly random: (into: Uint8Array) => void;
  readonly timers: Timers;
  readonly hash: KeyedHash;
  readonly links: Link[] = [];
  readonly routes: Routes;
  readonly icmp: Icmp;
  readonly udp: Udp;
  readonly tcp: Tcp;
  /** raw and echo sockets */
  readonly icmpEndpoints = new Set<IcmpEndpoint>();
  readonly #output: IpOutput;
  readonly #input: IpInput;
  /** multicast groups, and how many endpoints are in each */
  readonly #groups = new Map<string, number>();
  readonly #hashWords = new Int32Array(9);

  readonly #gateways: { link: Link; ip: Uint8Array }[] = [];

  /** @param keep memory that outlives the domain, for connections */
  constructor(
    environment: Environment,
    private readonly settings: StackSettings,
    keep?: Uint8Array,
  ) {
    this.nowNs = () => environment.nowNs();
    this.realtimeNs = () => environment.realtimeNs();
    this.random = (into) => environment.random(into);
    this.timers = new Timers(environment);
    this.hash = new KeyedHash(this.random);
    this.#output = new IpOutput(this.random);
    this.#input = new IpInput(this.timers, this.nowNs, {
      deliver: (packet) => this.#deliver(packet),
      isMember: (link, group) => isOwnGroup(link, group) || this.#groups.has(addressKey(group)),
    });
    const loopback = new LoopbackLink(environment, (link, bytes, version) => {
      this.#input.received(link, bytes, 0, version, true);
    });
    this.links.push(loopback);
    this.routes = new Routes(loopback, this.links, this.#gateways, this.nowNs);
    this.icmp = new Icmp(this.#output, this.routes, this.nowNs, {
      failed: (error) => this.#failed(error),
      observed: (packet) => {
        for (const endpoint of this.icmpEndpoints) endpoint.observe(packet);
      },
    });
    this.udp = new Udp(this);
    this.tcp = new Tcp(this, settings.tcp, keep);
  }

  /** Begins with the interface that there is, and with the connections that the stack before left. */
  begin(device: FrameDevice | undefined): void {
    if (device !== undefined) {
      const link = this.#ethernet(device);
      this.links.push(link);
      for (const ip of this.settings.gateways) this.#gateways.push({ link, ip });
    }
    this.tcp.restore();
  }

  #ethernet(device: FrameDevice): EthernetLink {
    const { settings } = this;
    const addresses = [...settings.addresses, { ip: linkLocalAddress(device.mac), prefix: 64 }];
    const link = new EthernetLink(this.links.length + 1, settings.name, addresses, device, {
      received: (from, frame, at, version, verified) =>
        this.#input.received(from, frame, at, version, verified),
      resumed: (via) => this.tcp.resend(via),
      solicit: (from, neighbour) => solicit(this.#output, from, neighbour),
    });
    link.neighbours = new Neighbours(
      this.timers,
      this.nowNs,
      (neighbour) => link.ask(neighbour),
      (neighbour) => link.flush(neighbour),
      ({ frame }) => {
        const version = frame[ETHERNET_BYTES] >> 4 === 4 ? 4 : 6;
        this.icmp.undeliverable(frame, ETHERNET_BYTES, version, E.EHOSTUNREACH);
      },
    );
    return link;
  }

  #deliver(packet: Packet): void {
    const { protocol, version } = packet;
    if (protocol === IPPROTO.TCP) this.tcp.receive(packet);
    else if (protocol === IPPROTO.UDP) this.udp.receive(packet);
    else if (protocol === (version === 4 ? IPPROTO.ICMP : IPPROTO.ICMPV6)) {
      this.icmp.receive(packet);
    } else if (version === 4) {
      this.icmp.report(packet, Icmp4.UNREACHABLE, PROTOCOL_UNREACHABLE_4);
    } else {
      // Code 1: unrecognized next header; its place is told (RFC 4443, 3.4).
      this.icmp.report(packet, Icmp6.PARAMETER, 1, 6);
    }
  }

  #failed(error: PacketError): void {
    if (error.protocol === IPPROTO.TCP) return this.tcp.failed(error);
    if (error.mtu !== undefined) this.routes.learnMtu(error.remote, error.mtu);
    if (error.protocol === IPPROTO.UDP) this.udp.failed(error);
    else for (const endpoint of this.icmpEndpoints) endpoint.echoFailed(error);
  }

  /** Sends a packet; one to a group goes to the members on this machine as well. */
  send(path: Path, outgoing: Outgoing): SendResult {
    const { destination } = path;
    if (
      isMulticast(destination) && !path.via.loopback && this.#groups.has(addressKey(destination))
    ) {
      const [loopback] = this.links;
      const inside = new Path(loopback, path.source, destination, destination, loopback.mtu);
      this.#output.send(inside, outgoing);
    }
    return this.#output.send(path, outgoing);
  }

  /** An endpoint joined or left a multicast group. */
  groupChanged(key: string, joined: boolean): void {
    const members = (this.#groups.get(key) ?? 0) + (joined ? 1 : -1);
    if (members > 0) this.#groups.set(key, members);
    else this.#groups.delete(key);
  }

  /** A hash of addresses and ports that nobody outside can foresee. */
  flowHash(packet: Packet, from: number, to: number): number {
    const words = this.#hashWords.subarray(0, packet.version === 4 ? 3 : 9);
    for (let index = 0; index < words.length - 1; index++) {
      words[index] = get32(packet.bytes, packet.sourceAt + 4 * index);
    }
    words[words.length - 1] = from << 16 | to;
    return this.hash.of(words);
  }

  /** @throws Errno EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT */
  open(family: number, type: number, protocol: number): Endpoint {
    if (family !== AF.INET && family !== AF.INET6) fail(E.EAFNOSUPPORT);
    const icmp = family === AF.INET ? IPPROTO.ICMP : IPPROTO.ICMPV6;
    if (type === SOCK.STREAM) {
      if (protocol !== 0 && protocol !== IPPROTO.TCP) fail(E.EPROTONOSUPPORT);
      return new TcpEndpoint(this, family);
    }
    if (type === SOCK.DGRAM) {
      if (protocol === icmp) return new IcmpEndpoint(this, family, type);
      if (protocol !== 0 && protocol !== IPPROTO.UDP) fail(E.EPROTONOSUPPORT);
      return new UdpEndpoint(this, family);
    }
    if (type !== SOCK.RAW) fail(E.ESOCKTNOSUPPORT);
    if (protocol !== icmp) fail(E.EPROTONOSUPPORT);
    return new IcmpEndpoint(this, family, type);
  }

  interfaces(): InterfaceInfo[] {
    return this.links.map((
      { index, name, loopback, mac, mtu, addresses, counters, neighbours },
    ) => ({
      index,
      name,
      loopback,
      mac,
      mtu,
      addresses: [...addresses],
      neighbours: (neighbours?.all ?? []).map(({ ip, mac, stale }) => ({ ip, mac, stale })),
      counters: { ...counters },
    }));
  }

  /** What the socket layer sees. */
  transport(): Transport {
    return {
      open: (family, type, protocol) => this.open(family, type, protocol),
      interfaces: () => this.interfaces(),
      routes: () => this.routes.list(),
      nameServers: this.settings.nameServers,
      sockets: () => [...this.tcp.list(), ...this.udp.list()],
      restored: () => this.tcp.restored?.endpoints ?? new Map(),
      claimed: () => this.tcp.restored?.claimed() ?? [],
    };
  }
}
