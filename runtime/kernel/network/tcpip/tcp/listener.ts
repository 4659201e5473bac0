// A listening port: half-open connections, of which the oldest give way when there are too many (RFC 4987,
// 3.3), and established ones that wait for accept(2).
import { MAX_BACKLOG } from "../../limits.ts";
import type { Path } from "../ip/path.ts";
import { Connection, type Owner, WINDOW_SCALE } from "./connection.ts";
import { HalfOpen, type Terms, termsOf } from "./half_open.ts";
import { takeSyn } from "./input.ts";
import type { Segment } from "./segment.ts";
import type { SocketOptions } from "../socket_options.ts";
import { State } from "./state.ts";
import type { Tcp } from "./tcp.ts";
import type { TcpOptions } from "./tcp_options.ts";

/** Half-open connections of a listener, whatever its backlog. */
const LEAST_HALF_OPEN = 256;

export class Listener implements Owner {
  readonly ready: Connection[] = [];
  readonly #halfOpen = new Set<HalfOpen>();
  #backlog = 0;

  /** @param changed is called when a connection waits */
  constructor(
    private readonly tcp: Tcp,
    readonly six: boolean,
    readonly options: SocketOptions,
    readonly tcpOptions: TcpOptions,
    private readonly changed: () => void,
  ) {}

  get halfOpen(): number {
    return this.#halfOpen.size;
  }

  get backlog(): number {
    return this.#backlog;
  }

  set backlog(asked: number) {
    this.#backlog = Math.min(MAX_BACKLOG, asked < 0 ? MAX_BACKLOG : asked);
  }

  /** As Linux counts: one more than the backlog may wait. */
  get full(): boolean {
    return this.ready.length > this.#backlog;
  }

  /** @param iss where our stream is to begin, where that matters */
  receiveSyn(segment: Segment, iss?: number): void {
    if (this.full) return;
    const { packet } = segment;
    const path = this.tcp.stack.routes.find(
      packet.source(),
      packet.destination(),
      packet.via.loopback ? 0 : packet.via.index,
    );
    if (path === undefined) return;
    if (this.#halfOpen.size >= Math.max(LEAST_HALF_OPEN, this.#backlog)) {
      for (const oldest of this.#halfOpen) {
        this.drop(oldest);
        break;
      }
    }
    iss ??= this.tcp.firstSequence(path, segment.destinationPort, segment.sourcePort);
    this.answer(path, termsOf(segment, path, iss, this.tcp));
  }

  /**
   * Answers a SYN, or answers once more to one that came to the instance before.
   * @param place where that has kept it
   */
  answer(path: Path, terms: Terms, place?: number): void {
    const halfOpen = new HalfOpen(this.tcp, this, path, terms, place);
    this.#halfOpen.add(halfOpen);
    this.tcp.flows.add(halfOpen);
  }

  drop(halfOpen: HalfOpen): void {
    if (this.#remove(halfOpen)) halfOpen.forget();
  }

  #remove(halfOpen: HalfOpen): boolean {
    if (!this.#halfOpen.delete(halfOpen)) return false;
    halfOpen.dispose();
    this.tcp.flows.remove(halfOpen);
    return true;
  }

  /** The peer's acknowledgement is there: it becomes a connection, if there is room for one. */
  complete(halfOpen: HalfOpen, segment: Segment): void {
    // It stays half-open: the peer sends again, or hears our answer again.
    if (this.full) return;
    this.#remove(halfOpen);
    const connection = this.#promote(halfOpen);
    connection.arrive(segment);
    halfOpen.forget();
    if (connection.state === State.CLOSED) return;
    if (connection.state === State.SYN_RECEIVED) return connection.end(0);
    this.ready.push(connection);
    this.changed();
  }

  /** Has a connection of the instance before wait to be accepted. */
  take(connection: Connection): void {
    connection.owner = this;
    connection.options = this.options.copy();
    connection.tcpOptions = this.tcpOptions.copy();
    this.ready.push(connection);
    this.changed();
  }

  #promote(halfOpen: HalfOpen): Connection {
    const { path, terms } = halfOpen;
    const connection = new Connection(
      this.tcp,
      path,
      terms.localPort,
      terms.remotePort,
      this.six,
      this.options.copy(),
      this.tcpOptions.copy(),
      false,
    );
    connection.owner = this;
    connection.iss = terms.iss;
    connection.timestampOffset = terms.timestampOffset;
    connection.nxt = 1;
    connection.rcvScale = terms.windowScale < 0 ? 0 : WINDOW_SCALE;
    takeSyn(connection, terms.irs, {
      mss: terms.peerMss,
      windowScale: terms.windowScale,
      sackPermitted: terms.selective,
      timestamped: terms.timestamps,
      timestamp: terms.recentTimestamp,
    });
    connection.state = State.SYN_RECEIVED;
    this.tcp.remember(connection);
    return connection;
  }

  /** A connection that waits has news; whoever accepts it will see. */
  happened(): void {}

  /** Nobody listens any more: what waits is reset, what is half-open forgotten. */
  close(): void {
    for (const halfOpen of this.#halfOpen) this.drop(halfOpen);
    for (const connection of this.ready.splice(0)) {
      connection.owner = undefined;
      connection.abort();
    }
  }
}
