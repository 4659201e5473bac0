// UDP of the machine (RFC 768): for every pair of ports a socket of the host, given back when it was idle;
// and ports of the host that lead into the machine, each of whose clients has a port of the gateway.
import type { Frame } from "../frame.ts";
import { get16, put16 } from "../../network_order.ts";
import { Protocol } from "../wire.ts";
import type { Access } from "./access.ts";
import type { HostDatagrams, HostSockets } from "./host_sockets.ts";
import { type Ends, type HeadWriter, keptEnds, type Packet } from "./packet.ts";
import { flowKey } from "./tcp_flows.ts";

export const MAX_UDP_FLOWS = 256;
/** Datagrams for the machine that wait: what comes on top is lost, as datagrams are. */
const MAX_WAITING = 256;
const IDLE_MS = 60_000, LOOK_MS = 10_000;
const FIRST_PORT = 49152, PORTS = 65536 - FIRST_PORT;
const HEADER_BYTES = 8;

interface Flow {
  key: string;
  ends: Ends;
  guestPort: number;
  remotePort: number;
  usedMs: number;
  /** where the machine's datagrams go */
  send(bytes: Uint8Array): void;
  close(): void;
}

export class UdpFlows {
  /** least recently used first */
  readonly #flows = new Map<string, Flow>();
  readonly #clients = new Map<string, Flow>();
  #waiting: Frame[] = [];
  #looking = false;
  #nextPort = 0;

  constructor(
    private readonly host: HostSockets,
    private readonly writer: HeadWriter,
    private readonly mtu: number,
    private readonly access: Access,
    private readonly wake: () => void,
  ) {}

  get pending(): boolean {
    return this.#waiting.length > 0;
  }

  receive(): Frame | undefined {
    return this.#waiting.shift();
  }

  /** Takes a packet of the machine. @returns false where it must not go there */
  send({ version, guest, remote, payload }: Packet): boolean {
    if (payload.length < HEADER_BYTES) return true;
    const guestPort = get16(payload, 0), remotePort = get16(payload, 2);
    const length = get16(payload, 4);
    if (length < HEADER_BYTES || length > payload.length) return true;
    const data = payload.subarray(HEADER_BYTES, length);
    const ends = { version, guest, remote };
    const key = flowKey(ends, guestPort, remotePort);
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      const target = this.access.target(remote, remotePort);
      if (target === undefined) return false;
      flow = this.#open(key, keptEnds(ends), guestPort, remotePort, target.host, target.port);
    }
    this.#used(flow);
    flow.send(data);
    return true;
  }

  #open(
    key: string,
    ends: Ends,
    guestPort: number,
    remotePort: number,
    host: string,
    port: number,
  ): Flow {
    let closed = false;
    const opening = this.host.peer(host, port, (bytes) => {
      if (closed) return;
      this.#used(flow);
      this.deliver(ends, guestPort, remotePort, bytes);
    });
    const flow: Flow = {
      key,
      ends,
      guestPort,
      remotePort,
      usedMs: 0,
      send: (bytes) => void opening.then((socket) => closed || socket.send(bytes), () => {}),
      close: () => {
        closed = true;
        opening.then((socket) => socket.close(), () => {});
      },
    };
    return flow;
  }

  /** A datagram of one of the host's clients. @param socket that it came to, and is answered from */
  fromClient(
    ends: Ends,
    guestPort: number,
    socket: HostDatagrams,
    bytes: Uint8Array,
    host: string,
    port: number,
  ): void {
    const client = `${guestPort} ${host} ${port}`;
    let flow = this.#clients.get(client);
    if (flow === undefined) {
      let remotePort: number, key: string;
      do {
        remotePort = FIRST_PORT + this.#nextPort++ % PORTS;
        key = flowKey(ends, guestPort, remotePort);
      } while (this.#flows.has(key));
      flow = {
        key,
        ends,
        guestPort,
        remotePort,
        usedMs: 0,
        send: (answer) => socket.send(answer, host, port),
        close: () => this.#clients.delete(client),
      };
      this.#clients.set(client, flow);
    }
    this.#used(flow);
    this.deliver(ends, guestPort, flow.remotePort, bytes);
  }

  /** Puts a flow behind all others, and gives the one back that was not used for longest. */
  #used(flow: Flow): void {
    flow.usedMs = this.host.nowMs();
    this.#flows.delete(flow.key);
    this.#flows.set(flow.key, flow);
    if (this.#flows.size > MAX_UDP_FLOWS) this.#close(this.#flows.values().next().value!);
    if (this.#looking) return;
    this.#looking = true;
    this.host.after(LOOK_MS, () => this.#look());
  }

  #look(): void {
    this.#looking = false;
    const oldest = this.host.nowMs() - IDLE_MS;
    for (const flow of [...this.#flows.values()]) if (flow.usedMs < oldest) this.#close(flow);
    if (this.#flows.size === 0) return;
    this.#looking = true;
    this.host.after(LOOK_MS, () => this.#look());
  }

  #close(flow: Flow): void {
    this.#flows.delete(flow.key);
    flow.close();
  }

  /** Queues a datagram for the machine; one that does not fit into a frame is lost. */
  deliver(ends: Ends, guestPort: number, remotePort: number, bytes: Uint8Array): void {
    const length = HEADER_BYTES + bytes.length;
    const most = this.mtu - (ends.version === 4 ? 20 : 40);
    if (this.#waiting.length >= MAX_WAITING || length > most) return;
    const head = this.writer.head(ends, Protocol.UDP, HEADER_BYTES, bytes.length);
    const at = this.writer.transportAt(ends.version);
    put16(head, at, remotePort);
    put16(head, at + 2, guestPort);
    put16(head, at + 4, length);
    put16(head, at + 6, this.writer.pseudo(head, ends.version, Protocol.UDP, length));
    const offload = { checksumStart: at, checksumOffset: 6, segmentBytes: 0 };
    this.#waiting.push({ head, body: bytes.slice(), offload });
    this.wake();
  }

  reset(): void {
    this.#waiting = [];
    for (const flow of [...this.#flows.values()]) this.#close(flow);
  }
}
