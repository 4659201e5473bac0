// A connection that is over but may still be asked about (TIME-WAIT; RFC 9293, 3.6.1 and 3.10.7.4), and the
// ways to use its ports again (RFC 6191).
import type { Path } from "../ip/path.ts";
import type { Bound } from "../ports.ts";
import type { SocketOptions } from "../socket_options.ts";
import type { Timer } from "../timers.ts";
import { BareSegment } from "./bare_segment.ts";
import type { Connection } from "./connection.ts";
import type { Flow } from "./flow_table.ts";
import { Flag, type Segment } from "./segment.ts";
import type { Tcp } from "./tcp.ts";

/** Twice the life of a segment, as Linux has it. */
const WAIT_NS = 60e9;
/** A program that connects again may have the ports after this, where timestamps tell old from new. */
const REUSE_NS = 1e9;

export class TimeWait implements Flow, Bound {
  nextFlow: Flow | undefined;
  readonly listening = false;
  readonly path: Path;
  readonly localPort: number;
  readonly remotePort: number;
  readonly six: boolean;
  readonly chosen: boolean;
  readonly #restored: boolean;
  readonly options: Pick<SocketOptions, "reuseAddress" | "reusePort" | "v6Only">;
  /** the next sequence numbers of both streams */
  readonly sequence: number;
  readonly expected: number;
  readonly #scaledWindow: number;
  readonly #timestamps: boolean;
  readonly #timestampOffset: number;
  #recentTimestamp: number;
  #answeredNs = -Infinity;
  readonly #sinceNs: number;
  readonly #timer: Timer;

  constructor(private readonly tcp: Tcp, connection: Connection) {
    this.path = connection.path;
    this.localPort = connection.localPort;
    this.remotePort = connection.remotePort;
    this.six = connection.six;
    this.chosen = connection.chosen;
    this.#restored = connection.restored;
    const { reuseAddress, reusePort, v6Only } = connection.options;
    this.options = { reuseAddress, reusePort, v6Only };
    this.sequence = connection.iss + connection.nxt | 0;
    this.expected = connection.irs + connection.rcvNxt | 0;
    this.#scaledWindow = Math.min(65_535, connection.options.receiveBytes >> connection.rcvScale);
    this.#timestamps = connection.timestamps;
    this.#timestampOffset = connection.timestampOffset;
    this.#recentTimestamp = connection.recentTimestamp;
    this.#sinceNs = tcp.now();
    this.#timer = tcp.stack.timers.create(() => this.end());
    this.#timer.setAt(this.#sinceNs + WAIT_NS);
  }

  get boundIp(): Uint8Array {
    return this.path.source;
  }

  get port(): number {
    return this.localPort;
  }

  get yields(): boolean {
    return this.#restored && this.tcp.portsYield;
  }

  /** Whether a new connection between the same ports may take its place. */
  reusable(nowNs: number): boolean {
    return this.#timestamps && nowNs - this.#sinceNs >= REUSE_NS;
  }

  /** Forgets it. */
  end(): void {
    this.#timer.dispose();
    this.tcp.endWait(this);
  }

  arrive(segment: Segment): void {
    const ahead = segment.sequence - this.expected | 0;
    const stamped = this.#timestamps && segment.timestamped;
    const newer = stamped ? segment.timestamp - this.#recentTimestamp | 0 : 0;
    if (segment.has(Flag.RST)) {
      if (ahead === 0 && newer >= 0) this.end();
      return;
    }
    if (segment.has(Flag.SYN) && !segment.has(Flag.ACK) && (newer > 0 || ahead > 0)) {
      // A new connection, for sure: it begins beyond what the old one used (RFC 6191).
      const listener = this.tcp.listenerFor(segment);
      if (listener !== undefined) {
        this.end();
        return listener.receiveSyn(segment, this.sequence + 65_537 | 0);
      }
    }
    if (stamped && newer > 0 && ahead <= 0) this.#recentTimestamp = segment.timestamp;
    const plain = ahead === 0 && segment.length === 0;
    if (plain && newer >= 0) return;
    // The peer did not hear our last acknowledgement.
    if (segment.has(Flag.FIN)) this.#timer.setAt(this.tcp.arrivedNs + WAIT_NS);
    this.#answer(segment);
  }

  #answer(segment: Segment): void {
    if (segment.dataBytes === 0 && !segment.has(Flag.FIN)) {
      // So that two ends that wait do not answer each other for ever.
      if (this.tcp.arrivedNs - this.#answeredNs < 500e6) return;
      this.#answeredNs = this.tcp.arrivedNs;
    }
    const answer = new BareSegment(
      this.localPort,
      this.remotePort,
      this.sequence,
      this.expected,
      Flag.ACK,
    );
    answer.window = this.#scaledWindow;
    if (this.#timestamps) {
      const value = this.tcp.clock() + this.#timestampOffset | 0;
      answer.withTimestamps(value, this.#recentTimestamp);
    }
    this.tcp.stack.send(this.path, answer);
  }
}
