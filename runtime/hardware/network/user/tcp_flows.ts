// The table of the machine's TCP connections, and the host's ports that lead into the machine.
import { parseIp, sameIp } from "../../../../schemas/internet_address.ts";
import type { Frame } from "../frame.ts";
import type { Access } from "./access.ts";
import type { HostSockets, HostStream } from "./host_sockets.ts";
import { type Ends, type HeadWriter, keptEnds, type Packet } from "./packet.ts";
import { type FlowOwner, TcpFlow } from "./tcp_flow.ts";
import { Flag, readSegment, resetFor, type Segment, writeSegment } from "./tcp_segment.ts";

/** Connections at a time; each keeps at most half a mebibyte. */
export const MAX_TCP_FLOWS = 512;
/** Of them, those that the host may bring: the machine can always make some of its own. */
export const MAX_BROUGHT_FLOWS = MAX_TCP_FLOWS - 64;
/** Connections to one port of the machine that it has not answered yet: a listener there has room for so many. */
const MAX_UNANSWERED = 64;
/** Frames that close connections, or refuse them, and wait to be received. */
const MAX_LAST_FRAMES = 256;
const TICK_MS = 100;
/** How long an acknowledgement waits for something to go with, up to twice. */
const LATER_MS = 2;
/** From the last number of a stream to the first of the next between the same ports. */
const APART = 64_000;
const FIRST_PORT = 49152, PORTS = 65536 - FIRST_PORT;

export class TcpFlows implements FlowOwner {
  readonly #flows = new Map<string, TcpFlow>();
  /** by ports alone: that of which a packet came last, to be found without a key */
  readonly #likely = new Map<number, TcpFlow>();
  readonly #ready = new Set<TcpFlow>();
  readonly #armed = new Set<TcpFlow>();
  #last: Frame[] = [];
  #ticking = false;
  #nowMs: number | undefined;
  /** have something to send that waits, for the first time and for the second */
  #later = [new Set<TcpFlow>(), new Set<TcpFlow>()];
  #waitingLater = false;
  #nextPort = 0;
  /**
   * by port that the host's connections have: where the stream of the next one begins, 0 where none was there. Ports
   * come again before the machine has forgotten the last connection (RFC 9293, 3.6.1): what goes beyond it is new
   */
  readonly #nextNumbers = new Uint32Array(PORTS);
  /** by port of the machine: connections that the host brought and the machine has not answered */
  readonly #unanswered = new Map<number, number>();
  /** who wait for room before they bring the next connection */
  #waiting: (() => void)[] = [];

  /**
   * @param random gets bytes that nobody foresees
   * @param wake called when there may be something to receive
   */
  constructor(
    readonly host: HostSockets,
    readonly writer: HeadWriter,
    readonly mtu: number,
    private readonly access: Access,
    private readonly random: (into: Uint8Array) => void,
    private readonly wake: () => void,
  ) {}

  get count(): number {
    return this.#flows.size;
  }

  get pending(): boolean {
    return this.#last.length > 0 || this.#ready.size > 0;
  }

  /** Takes a packet of the machine. @param memory what it lies in, given back when it is done with */
  send(packet: Packet, memory: Frame["memory"]): void {
    const segment = readSegment(packet.payload, packet.version);
    if (segment === undefined) return;
    const flow = this.#find(packet, segment);
    if (flow?.isOfAnother(segment)) {
      return this.last(writeSegment(this.writer, packet, resetFor(segment)));
    }
    if (flow !== undefined) return flow.receive(segment, memory);
    if ((segment.flags & Flag.RST) !== 0) return;
    const target = (segment.flags & (Flag.SYN | Flag.ACK)) === Flag.SYN
      ? this.access.target(packet.remote, segment.remotePort)
      : undefined;
    if (target === undefined || this.#flows.size >= MAX_TCP_FLOWS) {
      return this.last(writeSegment(this.writer, packet, resetFor(segment)));
    }
    const ends = keptEnds(packet);
    const key = flowKey(ends, segment.guestPort, segment.remotePort);
    const connecting = this.host.connect(target.host, target.port);
    this.#flows.set(
      key,
      TcpFlow.toHost(this, ends, key, this.#initialNumber(), segment, connecting),
    );
  }

  #find(packet: Packet, { guestPort, remotePort }: Segment): TcpFlow | undefined {
    const ports = portsOf(guestPort, remotePort), likely = this.#likely.get(ports);
    if (
      likely !== undefined && sameIp(likely.ends.guest, packet.guest) &&
      sameIp(likely.ends.remote, packet.remote)
    ) return likely;
    const flow = this.#flows.get(flowKey(packet, guestPort, remotePort));
    if (flow !== undefined) this.#likely.set(ports, flow);
    return flow;
  }

  /**
   * Leads a connection of the host into the machine.
   * @returns resolved when the next one may come: until then it waits where the host's own backlog has it
   */
  async accepted(stream: HostStream, ends: Ends, guestPort: number): Promise<void> {
    let port: number, key: string;
    do {
      port = FIRST_PORT + this.#nextPort++ % PORTS;
      key = flowKey(ends, guestPort, port);
    } while (this.#flows.has(key));
    const initial = this.#nextNumbers[port - FIRST_PORT] || this.#initialNumber();
    this.#flows.set(key, TcpFlow.toGuest(this, ends, key, initial, guestPort, port, stream));
    this.#unanswered.set(guestPort, (this.#unanswered.get(guestPort) ?? 0) + 1);
    while (!this.#mayBring(guestPort)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #mayBring(guestPort: number): boolean {
    return this.#flows.size < MAX_BROUGHT_FLOWS &&
      this.#unanswered.get(guestPort)! < MAX_UNANSWERED;
  }

  answered({ guestPort }: TcpFlow): void {
    this.#unanswered.set(guestPort, this.#unanswered.get(guestPort)! - 1);
    this.#goOnBringing();
  }

  #goOnBringing(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The next frame for the machine: every connection has its turn. */
  receive(): Frame | undefined {
    const last = this.#last.shift();
    if (last !== undefined) return last;
    for (const flow of this.#ready) {
      this.#ready.delete(flow);
      const frame = flow.next();
      if (frame === undefined) continue;
      this.#ready.add(flow);
      return frame;
    }
    this.#nowMs = undefined;
    return undefined;
  }

  /**
   * The machine begins anew: its connections are no more, but for those that it has not heard of.
   * @param outlives all go on, and what was under way is sent again
   */
  reset(outlives = false): void {
    this.#last = [];
    for (const flow of [...this.#flows.values()]) {
      if (flow.begunAnew()) continue;
      if (outlives) flow.goOn();
      else flow.abandon();
    }
  }

  close(): void {
    for (const flow of [...this.#flows.values()]) flow.abandon();
  }

  ready(flow: TcpFlow): void {
    this.#ready.add(flow);
    this.wake();
  }

  later(flow: TcpFlow): void {
    this.#later[0].add(flow);
    if (this.#waitingLater) return;
    this.#waitingLater = true;
    this.host.after(LATER_MS, () => this.#endWait());
  }

  #endWait(): void {
    this.#waitingLater = false;
    const [first, second] = this.#later;
    for (const flow of second) flow.waited();
    second.clear();
    this.#later = [second, first];
    if (first.size > 0) this.host.after(LATER_MS, () => this.#endWait());
    this.#waitingLater = first.size > 0;
  }

  /** The time, which is asked for once for all that comes or goes at once. */
  nowMs(): number {
    return this.#nowMs ??= this.host.nowMs();
  }

  armed(flow: TcpFlow): void {
    this.#armed.add(flow);
    if (this.#ticking) return;
    this.#ticking = true;
    this.host.after(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    this.#ticking = false;
    const now = this.#nowMs = this.host.nowMs();
    const due: TcpFlow[] = [];
    for (const flow of this.#armed) {
      if (flow.deadlineMs === Infinity) this.#armed.delete(flow);
      else if (flow.deadlineMs <= now) due.push(flow);
    }
    for (const flow of due) flow.expired(now);
    const [any] = this.#armed;
    if (any !== undefined) this.armed(any);
  }

  last(frame: Frame): void {
    if (this.#last.length >= MAX_LAST_FRAMES) return;
    this.#last.push(frame);
    this.wake();
  }

  closed(flow: TcpFlow): void {
    const place = flow.remotePort - FIRST_PORT;
    if (flow.brought) this.#nextNumbers[place] = flow.highest + APART;
    if (this.#flows.get(flow.key) === flow) this.#flows.delete(flow.key);
    const ports = portsOf(flow.guestPort, flow.remotePort);
    if (this.#likely.get(ports) === flow) this.#likely.delete(ports);
    this.#ready.delete(flow);
    this.#armed.delete(flow);
    this.#goOnBringing();
  }

  #initialNumber(): number {
    const bytes = new Uint8Array(4);
    this.random(bytes);
    return new DataView(bytes.buffer).getUint32(0);
  }
}

function portsOf(guestPort: number, remotePort: number): number {
  return guestPort * 0x10000 + remotePort;
}

/** The name of a connection: ports and addresses, 16 bits a character. */
export function flowKey({ guest, remote }: Ends, guestPort: number, remotePort: number): string {
  let key = String.fromCharCode(guestPort, remotePort);
  for (const ip of [guest, remote]) {
    for (let at = 0; at < ip.length; at += 2) key += String.fromCharCode(ip[at] << 8 | ip[at + 1]);
  }
  return key;
}

/**
 * The ends of a connection that comes from the gateway: of the family of the host's address, if both have it.
 * @throws Error where they have none in common
 */
export function gatewayEnds(guests: string[], gateways: string[], host: string): Ends {
  const families = host.includes(":") ? [16, 4] : [4, 16];
  for (const bytes of families) {
    const [guest, remote] = [guests, gateways].map((all) =>
      all.map((text) => parseIp(text)!).find((ip) => ip.length === bytes)
    );
    if (guest === undefined || remote === undefined) continue;
    return { version: bytes === 4 ? 4 : 6, guest, remote };
  }
  throw new Error(`Cannot forward ${host}: machine and gateway have no addresses of one family`);
}
