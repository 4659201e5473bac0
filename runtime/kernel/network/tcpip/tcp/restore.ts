// Takes over the connections of an instance that died. What may have been sent is taken as lost, and is sent
// again; the clock of timestamps goes on ahead of where it was (RFC 7323, 5). Each waits for the socket that
// knows its handle, one that nobody had accepted for whoever listens at its port.
import { AF } from "../../constants.ts";
import type { StreamEndpoint } from "../../endpoint.ts";
import { SocketOptions } from "../socket_options.ts";
import type { Timer } from "../timers.ts";
import { ByteRing } from "./byte_ring.ts";
import type { Checkpoint, Checkpoints, SavedConnection } from "./checkpoint.ts";
import { Connection, type Owner } from "./connection.ts";
import { sendAck } from "./output.ts";
import { enterLoss } from "./recovery.ts";
import { State } from "./state.ts";
import type { Tcp } from "./tcp.ts";
import { TcpEndpoint } from "./tcp_endpoint.ts";
import { TcpOptions } from "./tcp_options.ts";

/** Milliseconds by which the clock of timestamps may have gone on since the last was saved. */
const CLOCK_AHEAD_MS = 20;
/** Once all that have an owner were asked for, only those that are being closed may be: for this long. */
const UNCLAIMED_NS = 10e9;
/** For this long, or until all owners are back, listening sockets may not be: who wants to connect tries again. */
const SETTLING_NS = 10e9;

/** Has a connection until somebody asks for it. */
const nobody: Owner = { happened: () => {} };

export class RestoredConnections {
  /** by handle, of whoever accepted or made them */
  readonly endpoints = new Map<number, StreamEndpoint>();
  readonly #unclaimed = new Set<Connection>();
  readonly #unaccepted: Connection[] = [];
  /** until whoever had the ports of connections has bound to them again: he is not refused them */
  portsYield = true;
  readonly #timer: Timer;
  readonly #sinceNs: number;

  constructor(private readonly tcp: Tcp, checkpoints: Checkpoints) {
    const { stack } = tcp;
    this.#sinceNs = checkpoints.first ? -Infinity : stack.nowNs();
    for (const { slot, connection: saved } of checkpoints.takeSaved()) {
      const connection = restore(tcp, slot, saved);
      if (connection === undefined) {
        slot.clear();
        continue;
      }
      if (saved.orphan) tcp.ports.add(connection);
      else {
        this.#unclaimed.add(connection);
        if (saved.handle === 0) this.#unaccepted.push(connection);
        else {
          const family = saved.six ? AF.INET6 : AF.INET;
          this.endpoints.set(
            saved.handle,
            TcpEndpoint.restored(stack, family, connection, () => {
              this.#unclaimed.delete(connection);
            }),
          );
        }
      }
    }
    this.#timer = stack.timers.create(() => this.#expire());
  }

  /** Whether a port at which nobody listens, or knows a peer, may be one at which somebody did a moment ago. */
  get settling(): boolean {
    return this.portsYield && this.tcp.now() - this.#sinceNs < SETTLING_NS;
  }

  /** Those that came to a port and were not accepted: they are for whoever listens there now. */
  takeUnaccepted(endpoint: TcpEndpoint): Connection[] {
    const taken = this.#unaccepted.filter((connection) =>
      connection.localPort === endpoint.port && connection.six === endpoint.six &&
      connection.state !== State.CLOSED
    );
    for (const connection of taken) {
      this.#unaccepted.splice(this.#unaccepted.indexOf(connection), 1);
      this.#giveTo(connection);
    }
    return taken;
  }

  /** Those that were half-open at a port go on with whoever listens there now. */
  resumeHalfOpen({ listener, port, six }: TcpEndpoint): void {
    const { tcp } = this, { halfOpen } = tcp.checkpoints!;
    for (const [place, saved] of halfOpen.takeSaved(port, six)) {
      const { source, destination, localPort, remotePort, timestamp } = saved;
      const path = tcp.stack.routes.find(destination, source, 0);
      const { length } = source;
      const known = tcp.flows.find(source, 0, destination, 0, length, localPort, remotePort);
      // The instance before may have made a connection of it, and died before it cleared this up.
      if (path === undefined || known !== undefined) {
        halfOpen.clear(place);
        continue;
      }
      const timestampOffset = timestamp + CLOCK_AHEAD_MS - tcp.clock() | 0;
      listener!.answer(path, { ...saved, timestampOffset }, place);
    }
  }

  #giveTo(connection: Connection): void {
    this.#unclaimed.delete(connection);
    this.tcp.ports.add(connection);
  }

  /**
   * See `Transport`. From here on the ports of connections are theirs alone. Nothing expires before: owners that
   * the host keeps from running come as late as that takes.
   */
  claimed(): number[] {
    this.portsYield = false;
    this.#timer.setAt(this.tcp.now() + UNCLAIMED_NS);
    const handles: number[] = [];
    for (const connection of this.#unclaimed) {
      const { handle } = connection;
      if (!this.#unaccept(connection)) continue;
      this.endpoints.delete(handle);
      handles.push(handle);
    }
    return handles;
  }

  /** Whoever accepted it never knew: it waits to be accepted again. */
  #unaccept(connection: Connection): boolean {
    if (!connection.tentative || connection.state === State.CLOSED) return false;
    for (const holder of this.tcp.ports.holders(connection.localPort) ?? []) {
      if (!(holder instanceof TcpEndpoint) || holder.six !== connection.six) continue;
      if (holder.listener === undefined) continue;
      this.#giveTo(connection);
      Object.assign(connection, { handle: 0, tentative: false });
      holder.listener.take(connection);
      connection.save();
      return true;
    }
    return false;
  }

  #expire(): void {
    for (const connection of this.#unclaimed) {
      connection.owner = undefined;
      connection.abort();
    }
    this.tcp.checkpoints!.halfOpen.forgetSaved();
    this.#unclaimed.clear();
    this.#unaccepted.length = 0;
    this.endpoints.clear();
  }
}

/** @returns undefined where its addresses are not the machine's any more */
function restore(tcp: Tcp, slot: Checkpoint, saved: SavedConnection): Connection | undefined {
  const path = tcp.stack.routes.find(saved.destination, saved.source, 0);
  if (path === undefined) return undefined;
  const connection = new Connection(
    tcp,
    path,
    saved.localPort,
    saved.remotePort,
    saved.six,
    new SocketOptions(),
    new TcpOptions(),
    saved.chosen,
  );
  connection.restored = true;
  // What is sent from here on saves it again.
  connection.owner = saved.orphan ? undefined : nobody;
  connection.checkpoint = slot;
  connection.sent = new ByteRing(tcp.buffers, slot.sent);
  connection.received = new ByteRing(tcp.buffers, slot.received);
  const { timestamps, selective, finQueued, handle, tentative, error, peerMss } = saved;
  Object.assign(connection, {
    timestamps,
    selective,
    finQueued,
    handle,
    tentative,
    error,
    peerMss,
  });
  connection.resize();
  const { iss, una, nxt, queued, window, mostWindow, windowSequence } = saved;
  Object.assign(connection, { iss, una, nxt, queued, window, mostWindow, windowSequence });
  const { windowAcknowledgement, windowScale, recentTimestamp, irs, rcvNxt, rcvEdge } = saved;
  Object.assign(connection, { windowAcknowledgement, windowScale, recentTimestamp });
  Object.assign(connection, { irs, rcvNxt, rcvEdge, rcvScale: saved.rcvScale });
  Object.assign(connection, {
    read: saved.confirmed,
    confirmed: saved.confirmed,
    finAt: saved.finAt,
  });
  const now = tcp.stack.nowNs();
  connection.lastHeardNs = connection.recentAtNs = connection.lastSentNs = now;
  connection.timestampOffset = saved.timestamp + CLOCK_AHEAD_MS - tcp.clock() | 0;
  if (saved.state === State.CLOSED || saved.state === State.TIME_WAIT) {
    connection.state = State.CLOSED;
    return connection;
  }
  connection.state = saved.state as State;
  tcp.flows.add(connection);
  if (una < nxt) {
    enterLoss(connection);
    connection.timers.armRetransmit();
  } else sendAck(connection);
  connection.timers.armKeepAlive();
  return connection;
}
