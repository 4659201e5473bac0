// A connection of which only the peer's SYN has come (SYN-RECEIVED after a passive open; RFC 9293,
// 3.10.7.4). It is kept small: anybody can make many of them, and few lead to a connection.
import { E } from "../../../errno.ts";
import type { Path } from "../ip/path.ts";
import type { Timer } from "../timers.ts";
import { BareSegment } from "./bare_segment.ts";
import { WINDOW_SCALE } from "./connection.ts";
import type { Flow } from "./flow_table.ts";
import type { Listener } from "./listener.ts";
import { Flag, type Segment } from "./segment.ts";
import type { Tcp } from "./tcp.ts";

const FIRST_RETRY_NS = 1e9;
/** Answers repeated before it is given up (tcp_synack_retries). */
const RETRIES = 5;

export class HalfOpen implements Flow {
  nextFlow: Flow | undefined;
  readonly localPort: number;
  readonly remotePort: number;
  readonly irs: number;
  readonly iss: number;
  readonly peerMss: number;
  /** negative: windows are not scaled */
  readonly windowScale: number;
  readonly selective: boolean;
  readonly timestamps: boolean;
  readonly timestampOffset: number;
  readonly recentTimestamp: number;
  readonly #timer: Timer;
  readonly #sinceNs: number;
  #retries = 0;

  /** @param iss where our stream begins */
  constructor(
    private readonly tcp: Tcp,
    readonly listener: Listener,
    readonly path: Path,
    segment: Segment,
    iss: number,
  ) {
    const { features } = tcp;
    this.localPort = segment.destinationPort;
    this.remotePort = segment.sourcePort;
    this.irs = segment.sequence;
    this.iss = iss;
    this.peerMss = segment.mss;
    this.windowScale = features.windowScaling ? segment.windowScale : -1;
    this.selective = features.selectiveAcknowledgements && segment.sackPermitted;
    this.timestamps = features.timestamps && segment.timestamped;
    this.timestampOffset = tcp.timestampOffset(path);
    this.recentTimestamp = segment.timestamp;
    this.#sinceNs = tcp.arrivedNs;
    this.#timer = tcp.stack.timers.create(() => this.#repeat());
    this.#answer();
    this.#timer.setAt(this.#sinceNs + FIRST_RETRY_NS);
  }

  dispose(): void {
    this.#timer.dispose();
  }

  /** The SYN with our acknowledgement. */
  #answer(): void {
    const { options, tcpOptions } = this.listener;
    const mtu = Math.min(this.path.mtu, this.path.version === 4 ? 65_535 : 65_575);
    const answer = new BareSegment(
      this.localPort,
      this.remotePort,
      this.iss,
      this.irs + 1 | 0,
      Flag.SYN | Flag.ACK,
    ).withSyn({
      mss: Math.min(mtu - (this.path.version === 4 ? 40 : 60), tcpOptions.segmentBytes || Infinity),
      scale: this.windowScale < 0 ? 0 : WINDOW_SCALE,
      selective: this.selective,
      timestamps: this.timestamps,
      timestamp: this.tcp.clock() + this.timestampOffset | 0,
      timestampEcho: this.recentTimestamp,
    });
    answer.window = Math.min(65_535, options.receiveBytes);
    this.tcp.stack.send(this.path, answer);
  }

  #repeat(): void {
    if (this.#retries++ >= RETRIES) return this.listener.drop(this);
    this.path.doubt();
    this.#answer();
    this.#timer.setAt(this.tcp.now() + FIRST_RETRY_NS * 2 ** this.#retries);
  }

  arrive(segment: Segment): void {
    const ahead = segment.sequence - (this.irs + 1 | 0) | 0;
    if (segment.has(Flag.RST)) {
      if (ahead === 0) this.listener.drop(this);
      return;
    }
    // The peer's SYN again, or one that does not belong here: what we answered says what is right.
    if (segment.has(Flag.SYN)) return this.#answer();
    if (!segment.has(Flag.ACK)) return;
    if (segment.acknowledgement !== (this.iss + 1 | 0)) return this.tcp.refuse(segment);
    const old = this.timestamps && segment.timestamped &&
      (segment.timestamp - this.recentTimestamp | 0) < 0;
    if (old || ahead < 0 || ahead > this.listener.options.receiveBytes) return this.#answer();
    const { deferSeconds } = this.listener.tcpOptions;
    // A program that asked for it wants to hear of the connection only once there is data.
    const waits = this.tcp.arrivedNs - this.#sinceNs < deferSeconds * 1e9;
    if (waits && segment.dataBytes === 0 && !segment.has(Flag.FIN)) return;
    this.listener.complete(this, segment);
  }

  /** ICMP says that the answer did not arrive. */
  failed(errno: number): void {
    if (errno === E.ECONNREFUSED) this.listener.drop(this);
  }
}
