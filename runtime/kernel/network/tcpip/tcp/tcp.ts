// TCP as a whole (RFC 9293): finds the connection or listener of each segment, answers what belongs to
// nobody, and keeps the clocks and numbers that all connections share.
import type { SocketInfo } from "../../endpoint.ts";
import { IPPROTO } from "../../constants.ts";
import { addToSum, foldSum } from "../checksum.ts";
import type { PacketError } from "../ip/icmp_error.ts";
import { isAny, mapAddress } from "../ip/ip_address.ts";
import type { Path } from "../ip/path.ts";
import type { Link, Packet } from "../link/link.ts";
import { Ports } from "../ports.ts";
import type { TcpFeatures } from "../settings.ts";
import type { Stack } from "../stack.ts";
import { get32 } from "../../../../hardware/network_order.ts";
import { sameBytes } from "../bytes.ts";
import { BareSegment } from "./bare_segment.ts";
import { ringBuffers } from "./byte_ring.ts";
import { Checkpoints } from "./checkpoint.ts";
import { Connection } from "./connection.ts";
import { FlowTable } from "./flow_table.ts";
import { HalfOpen } from "./half_open.ts";
import type { Listener } from "./listener.ts";
import { sendSyn } from "./output.ts";
import { enterLoss } from "./recovery.ts";
import { RestoredConnections } from "./restore.ts";
import { Flag, Segment } from "./segment.ts";
import { State } from "./state.ts";
import { TcpEndpoint } from "./tcp_endpoint.ts";
import { TimeWait } from "./time_wait.ts";

/** Finished connections that are remembered (tcp_max_tw_buckets); the oldest are forgotten early. */
const MAX_WAITING = 16_384;

export class Tcp {
  readonly flows: FlowTable;
  readonly ports: Ports;
  readonly buffers = ringBuffers();
  /** where connections are kept for the next instance of the domain */
  readonly checkpoints: Checkpoints | undefined;
  /** those of the instance before */
  restored: RestoredConnections | undefined;
  /** when the segment that is being dealt with came */
  arrivedNs = 0;
  #arriving = false;
  readonly #segment = new Segment();
  readonly #waiting = new Set<TimeWait>();
  /** by port: a SYN must not be compared with all connections of a busy server */
  readonly #listening = new Map<number, Set<TcpEndpoint>>();

  /** @param keep memory that the next instance of the domain is given */
  constructor(readonly stack: Stack, readonly features: TcpFeatures, keep?: Uint8Array) {
    this.checkpoints = keep && new Checkpoints(keep);
    this.flows = new FlowTable(stack.random);
    this.ports = new Ports(true, stack.random);
  }

  /** Takes over the connections of the instance before, once there are ways to their peers. */
  restore(): void {
    if (this.checkpoints) this.restored = new RestoredConnections(this, this.checkpoints);
  }

  /** The clock of timestamps, in milliseconds (RFC 7323, 5.4). */
  clock(): number {
    return Math.floor(this.now() / 1e6);
  }

  /** The time; while a segment is dealt with, when it came: reading clocks is not free. */
  now(): number {
    return this.#arriving ? this.arrivedNs : this.stack.nowNs();
  }

  receive(packet: Packet): void {
    const segment = this.#segment;
    if (packet.toMany || !this.#isIntact(packet) || !segment.read(packet)) return;
    this.arrivedNs = this.stack.nowNs();
    this.#arriving = true;
    try {
      this.#dispatch(packet, segment);
    } finally {
      this.#arriving = false;
    }
  }

  #dispatch(packet: Packet, segment: Segment): void {
    const { bytes, sourceAt, destinationAt, addressBytes } = packet;
    const { sourcePort, destinationPort } = segment;
    const flow = this.flows.find(
      bytes,
      destinationAt,
      bytes,
      sourceAt,
      addressBytes,
      destinationPort,
      sourcePort,
    );
    if (flow !== undefined) return flow.arrive(segment);
    if (segment.has(Flag.RST)) return;
    if (segment.has(Flag.SYN) && !segment.has(Flag.ACK)) {
      const listener = this.listenerFor(segment);
      if (listener !== undefined) return listener.receiveSyn(segment);
    }
    // What somebody expected a moment ago comes again.
    if (!this.restored?.settling) this.refuse(segment);
  }

  #isIntact(packet: Packet): boolean {
    if (packet.verified) return true;
    const { bytes, payloadAt, end, sourceAt, addressBytes } = packet;
    const pseudo = IPPROTO.TCP + end - payloadAt;
    const sum = addToSum(bytes, sourceAt, sourceAt + 2 * addressBytes, pseudo);
    return foldSum(addToSum(bytes, payloadAt, end, sum)) === 0xffff;
  }

  /** Who listens where a SYN goes to: the closest match; those that share a port take turns by hash. */
  listenerFor({ packet, sourcePort, destinationPort }: Segment): Listener | undefined {
    const { bytes, destinationAt, addressBytes, version } = packet;
    let best: TcpEndpoint[] = [], bestScore = -1;
    for (const holder of this.#listening.get(destinationPort) ?? []) {
      if (!holder.covers(version)) continue;
      const { boundIp } = holder;
      const bound = boundIp !== undefined && !isAny(boundIp);
      if (bound && !sameBytes(bytes, destinationAt, boundIp, 0, addressBytes)) continue;
      const score = (bound ? 2 : 0) + (holder.six && version === 4 ? 0 : 1);
      if (score > bestScore) best = [holder];
      else if (score === bestScore) best.push(holder);
      bestScore = Math.max(bestScore, score);
    }
    if (best.length <= 1) return best[0]?.listener;
    return best[(this.stack.flowHash(packet, sourcePort, destinationPort) >>> 0) % best.length]
      .listener;
  }

  startListening(endpoint: TcpEndpoint): void {
    const others = this.#listening.get(endpoint.port);
    if (others === undefined) this.#listening.set(endpoint.port, new Set([endpoint]));
    else others.add(endpoint);
  }

  stopListening(endpoint: TcpEndpoint): void {
    const others = this.#listening.get(endpoint.port);
    others?.delete(endpoint);
    if (others?.size === 0) this.#listening.delete(endpoint.port);
  }

  /** Resets what nobody expects (RFC 9293, 3.5.2). */
  refuse(segment: Segment): void {
    const { packet } = segment;
    if (segment.has(Flag.RST)) return;
    const path = this.stack.routes.find(
      packet.source(),
      packet.destination(),
      packet.via.loopback ? 0 : packet.via.index,
    );
    if (path === undefined) return;
    const { destinationPort, sourcePort, acknowledgement, sequence } = segment;
    const reset = segment.has(Flag.ACK)
      ? new BareSegment(destinationPort, sourcePort, acknowledgement, 0, Flag.RST)
      : new BareSegment(
        destinationPort,
        sourcePort,
        0,
        sequence + segment.length | 0,
        Flag.RST | Flag.ACK,
      );
    this.stack.send(path, reset);
  }

  /** Where a new stream begins: ahead of older ones between the same ports, unforeseeable (RFC 6528). */
  firstSequence(path: Path, localPort: number, remotePort: number): number {
    const ticks = Math.floor(this.now() / 4000);
    return this.stack.hash.of(this.#words(path, localPort << 16 | remotePort)) + ticks | 0;
  }

  /** Where the timestamps to a host begin (RFC 7323, 7.1). */
  timestampOffset(path: Path): number {
    return this.stack.hash.of(this.#words(path, -1));
  }

  #words({ source, destination }: Path, last: number): number[] {
    const words: number[] = [];
    for (let at = 0; at < source.length; at += 4) {
      words.push(get32(source, at), get32(destination, at));
    }
    words.push(last);
    return words;
  }

  /** Lets segments find a connection, and its port count as taken. */
  remember(connection: Connection): void {
    this.flows.add(connection);
    this.ports.add(connection);
  }

  forget(connection: Connection): void {
    this.flows.remove(connection);
    this.ports.remove(connection);
  }

  /** Whether connections of the instance before yield their ports to who binds to them. */
  get portsYield(): boolean {
    return this.restored?.portsYield ?? false;
  }

  /** A connection goes over to TIME-WAIT. */
  wait(connection: Connection): void {
    this.forget(connection);
    const wait = new TimeWait(this, connection);
    this.flows.add(wait);
    this.ports.add(wait);
    this.#waiting.add(wait);
    if (this.#waiting.size <= MAX_WAITING) return;
    for (const oldest of this.#waiting) return oldest.end();
  }

  endWait(wait: TimeWait): void {
    if (!this.#waiting.delete(wait)) return;
    this.flows.remove(wait);
    this.ports.remove(wait);
  }

  /** ICMP reports an error for a segment of ours. */
  failed(error: PacketError): void {
    const { local, remote, localPort, remotePort } = error;
    const flow = this.flows.find(local, 0, remote, 0, local.length, localPort, remotePort);
    if (flow instanceof HalfOpen) return flow.failed(error.errno);
    if (!(flow instanceof Connection)) return;
    // Only what is on its way can have failed (RFC 5927, 4.1).
    const offset = flow.nxt + (error.sequence - (flow.iss + flow.nxt | 0) | 0);
    if (offset < flow.una || offset >= Math.max(flow.nxt, 1)) return;
    if (error.mtu === undefined) return flow.failed(error.errno);
    const mtu = this.stack.routes.learnMtu(remote, error.mtu);
    if (mtu >= flow.path.mtu) return;
    flow.path.mtu = mtu;
    flow.resize();
    enterLoss(flow);
  }

  /** Sends again what is under way over a link that may have lost it, before timers would. */
  resend(via: Link): void {
    for (const holder of [...this.ports.all()]) {
      if (!(holder instanceof Connection) || holder.path.via !== via) continue;
      const { state } = holder;
      if (state === State.SYN_SENT || state === State.SYN_RECEIVED) {
        sendSyn(holder, state === State.SYN_RECEIVED);
      } else if (state !== State.CLOSED && holder.una < holder.nxt) enterLoss(holder);
    }
  }

  list(): SocketInfo[] {
    const list: SocketInfo[] = [];
    for (const holder of this.ports.all()) {
      if (holder instanceof TcpEndpoint) {
        if (holder.listener === undefined) continue;
        list.push({
          protocol: holder.six ? "tcp6" : "tcp",
          local: holder.local,
          peer: holder.tell(undefined, 0),
          state: State.LISTEN,
          queuedIn: holder.listener.ready.length,
          queuedOut: holder.listener.backlog,
          inode: holder.inode,
        });
      } else if (holder instanceof Connection || holder instanceof TimeWait) {
        list.push(this.#describe(holder));
      }
    }
    return list;
  }

  #describe(flow: Connection | TimeWait): SocketInfo {
    const { path, localPort, remotePort, six } = flow;
    const tell = (ip: Uint8Array, port: number) => ({
      ip: six && ip.length === 4 ? mapAddress(ip) : ip,
      port,
      scope: 0,
    });
    const live = flow instanceof Connection;
    return {
      protocol: six ? "tcp6" : "tcp",
      local: tell(path.source, localPort),
      peer: tell(path.destination, remotePort),
      state: live ? flow.state : State.TIME_WAIT,
      queuedIn: live ? flow.readable : 0,
      queuedOut: live ? flow.unsent : 0,
      // One that waits to be accepted is its listener's.
      inode: live && flow.owner instanceof TcpEndpoint ? flow.owner.inode : 0,
    };
  }
}
