// Congestion control: slow start (RFC 5681) and CUBIC (RFC 9438). Windows are in bytes, CUBIC's formula in
// segments and seconds.

/** Segments that a connection starts with (RFC 6928). */
const INITIAL_SEGMENTS = 10;
const BETA = 0.7;
const C = 0.4;
/** What makes the Reno-friendly window as fast as Reno is (RFC 9438, 4.3). */
const ALPHA = 3 * (1 - BETA) / (1 + BETA);

export class Congestion {
  /** bytes that may be in flight */
  window: number;
  /** slow start ends here */
  threshold = Infinity;
  /** window at the last loss, in segments (W_max) */
  #most = 0;
  /** window just before the last loss, in segments (cwnd_prior) */
  #prior = 0;
  /** when the current growth began; negative: not yet */
  #epochNs = -1;
  /** seconds until the window is what it was (K) */
  #k = 0;
  /** what Reno would have by now, in segments (W_est) */
  #friendly = 0;

  constructor(private segmentBytes: number) {
    this.window = INITIAL_SEGMENTS * segmentBytes;
  }

  get slowStart(): boolean {
    return this.window < this.threshold;
  }

  /** The size of segments has changed: before anything is sent, the first window changes with it. */
  resize(segmentBytes: number, started: boolean): void {
    this.segmentBytes = segmentBytes;
    if (!started) this.window = INITIAL_SEGMENTS * segmentBytes;
  }

  /** `acked` bytes of a window that was in use left the network. */
  acknowledged(acked: number, nowNs: number, roundTripNs: number): void {
    if (this.slowStart) {
      this.window = Math.min(this.window + acked, Math.max(this.threshold, this.window));
      return;
    }
    const size = this.segmentBytes, window = this.window / size, segments = acked / size;
    if (this.#epochNs < 0) this.#begin(window, nowNs);
    const seconds = (nowNs - this.#epochNs) / 1e9;
    const alpha = this.#friendly >= this.#prior ? 1 : ALPHA;
    this.#friendly += alpha * segments / window;
    if (this.#cubic(seconds) < this.#friendly) {
      this.window = Math.max(this.window, this.#friendly * size);
      return;
    }
    const ahead = this.#cubic(seconds + roundTripNs / 1e9);
    const target = Math.min(Math.max(ahead, window), 1.5 * window);
    this.window += (target - window) / window * acked;
  }

  #begin(window: number, nowNs: number): void {
    this.#epochNs = nowNs;
    if (this.#most < window) this.#most = window;
    this.#k = Math.cbrt((this.#most - window) / C);
    this.#friendly = window;
  }

  #cubic(seconds: number): number {
    return C * (seconds - this.#k) ** 3 + this.#most;
  }

  /** A segment was lost with `flight` bytes in the network: a smaller window from now on. */
  lost(flight: number): void {
    const window = this.window / this.segmentBytes;
    // Whoever had more before gives way to newcomers (fast convergence, 4.7).
    this.#most = window < this.#most ? window * (1 + BETA) / 2 : window;
    this.#prior = window;
    this.#epochNs = -1;
    this.threshold = Math.max(
      2 * this.segmentBytes,
      Math.floor(Math.min(flight, this.window) * BETA),
    );
    this.window = this.threshold;
  }

  /** Nothing came back for a whole timeout (RFC 5681, 3.1). */
  timedOut(flight: number): void {
    this.lost(flight);
    this.window = this.segmentBytes;
  }

  /** Nothing was sent for a timeout or more: what was known of the network is old (RFC 5681, 4.1). */
  idle(): void {
    this.#epochNs = -1;
    this.window = Math.min(this.window, INITIAL_SEGMENTS * this.segmentBytes);
  }
}
