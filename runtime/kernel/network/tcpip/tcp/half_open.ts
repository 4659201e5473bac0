// A connection of which only the peer's SYN has come (SYN-RECEIVED after a passive open; RFC 9293,
// 3.10.7.4). It is kept small: anybody can make many of them, and few lead to a connection.
import { E } from "../../../errno.ts";
import type { Path } from "../ip/path.ts";
import type { Timer } from "../timers.ts";
import { BareSegment } from "./bare_segment.ts";
import { WINDOW_SCALE } from "./connection.ts";
import type { Flow } from "./flow_table.ts";
import type { SavedHalfOpen } from "./half_open_records.ts";
import type { Listener } from "./listener.ts";
import { Flag, type Segment } from "./segment.ts";
import type { Tcp } from "./tcp.ts";

const FIRST_RETRY_NS = 1e9;
/** Answers repeated before it is given up (tcp_synack_retries). */
const RETRIES = 5;

/** What a SYN and our answer to it agree on. */
export type Terms = Omit<SavedHalfOpen, "six" | "timestamp" | "source" | "destination"> & {
  /** our clock of timestamps is ahead of the time by so much */
  timestampOffset: number;
};

/** The terms of a SYN. @param iss where our stream begins */
export function termsOf(segment: Segment, path: Path, iss: number, tcp: Tcp): Terms {
  const { features } = tcp;
  return {
    localPort: segment.destinationPort,
    remotePort: segment.sourcePort,
    irs: segment.sequence,
    iss,
    peerMss: segment.mss,
    windowScale: features.windowScaling ? segment.windowScale : -1,
    selective: features.selectiveAcknowledgements && segment.sackPermitted,
    timestamps: features.timestamps && segment.timestamped,
    timestampOffset: tcp.timestampOffset(path),
    recentTimestamp: segment.timestamp,
  };
}

export class HalfOpen implements Flow {
  nextFlow: Flow | undefined;
  readonly localPort: number;
  readonly remotePort: number;
  readonly #timer: Timer;
  readonly #sinceNs: number;
  /** where it is kept for the next instance of the domain */
  readonly #place: number;
  #retries = 0;

  /**
   * Answers the SYN.
   * @param terms of it; a negative window scale: windows are not scaled
   * @param place where the instance before has kept it
   */
  constructor(
    private readonly tcp: Tcp,
    readonly listener: Listener,
    readonly path: Path,
    readonly terms: Terms,
    place?: number,
  ) {
    this.localPort = terms.localPort;
    this.remotePort = terms.remotePort;
    this.#sinceNs = tcp.now();
    this.#place = place ?? this.#keep();
    this.#timer = tcp.stack.timers.create(() => this.#repeat());
    this.#answer();
    this.#timer.setAt(this.#sinceNs + FIRST_RETRY_NS);
  }

  /** @returns where it is kept; -1 where there is no such place */
  #keep(): number {
    const { tcp, terms, listener, path: { source, destination } } = this;
    const timestamp = tcp.clock() + terms.timestampOffset | 0;
    const { six } = listener;
    return tcp.checkpoints?.halfOpen.save({ ...terms, six, timestamp, source, destination }) ?? -1;
  }

  dispose(): void {
    this.#timer.dispose();
  }

  /** The next instance of the domain needs not know of it: it is over, or a connection that is kept itself. */
  forget(): void {
    this.tcp.checkpoints?.halfOpen.clear(this.#place);
  }

  /** The SYN with our acknowledgement. */
  #answer(): void {
    const { options, tcpOptions } = this.listener, { terms } = this;
    const mtu = Math.min(this.path.mtu, this.path.version === 4 ? 65_535 : 65_575);
    const answer = new BareSegment(
      this.localPort,
      this.remotePort,
      terms.iss,
      terms.irs + 1 | 0,
      Flag.SYN | Flag.ACK,
    ).withSyn({
      mss: Math.min(mtu - (this.path.version === 4 ? 40 : 60), tcpOptions.segmentBytes || Infinity),
      scale: terms.windowScale < 0 ? 0 : WINDOW_SCALE,
      selective: terms.selective,
      timestamps: terms.timestamps,
      timestamp: this.tcp.clock() + terms.timestampOffset | 0,
      timestampEcho: terms.recentTimestamp,
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
    const { terms } = this;
    const ahead = segment.sequence - (terms.irs + 1 | 0) | 0;
    if (segment.has(Flag.RST)) {
      if (ahead === 0) this.listener.drop(this);
      return;
    }
    // The peer's SYN again, or one that does not belong here: what we answered says what is right.
    if (segment.has(Flag.SYN)) return this.#answer();
    if (!segment.has(Flag.ACK)) return;
    if (segment.acknowledgement !== (terms.iss + 1 | 0)) return this.tcp.refuse(segment);
    const old = terms.timestamps && segment.timestamped &&
      (segment.timestamp - terms.recentTimestamp | 0) < 0;
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
