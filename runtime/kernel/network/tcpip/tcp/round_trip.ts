// The retransmission timeout from round-trip times (RFC 6298), with Linux's lower bound.

const FIRST_NS = 1e9;
export const LEAST_RTO_NS = 200e6;
export const MOST_RTO_NS = 120e9;

export class RoundTrip {
  /** smoothed; 0 where nothing was measured yet */
  smoothedNs = 0;
  variationNs = 0;
  leastNs = Infinity;
  #timeoutNs = FIRST_NS;
  #backoff = 1;

  /** How long to wait for an acknowledgement (RTO). */
  get timeoutNs(): number {
    return Math.min(MOST_RTO_NS, this.#timeoutNs * this.#backoff);
  }

  /** Takes a measurement (section 2.2 and 2.3). */
  measured(sampleNs: number): void {
    this.leastNs = Math.min(this.leastNs, sampleNs);
    if (this.smoothedNs === 0) {
      this.smoothedNs = sampleNs;
      this.variationNs = sampleNs / 2;
    } else {
      const difference = Math.abs(this.smoothedNs - sampleNs);
      this.variationNs += (difference - this.variationNs) / 4;
      this.smoothedNs += (sampleNs - this.smoothedNs) / 8;
    }
    // The variation alone is bounded, so that the timeout always leaves time for a delayed answer.
    this.#timeoutNs = this.smoothedNs + Math.max(LEAST_RTO_NS, 4 * this.variationNs);
  }

  /** Waits twice as long from now on (section 5.5). */
  backOff(): void {
    if (this.timeoutNs < MOST_RTO_NS) this.#backoff *= 2;
  }

  /** New data was acknowledged. */
  recovered(): void {
    this.#backoff = 1;
  }

  /** The handshake had to repeat itself: careful with data, until there is a measurement (section 5.7). */
  handshakeRepeated(): void {
    if (this.smoothedNs === 0) this.#timeoutNs = 3e9;
  }
}
