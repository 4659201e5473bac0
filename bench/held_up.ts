// When this process was not run, since somebody stopped it or its machine: looks at the clock that come late. What was
// measured across such a time says nothing of us.

const LOOK_MS = 20;
/** A host with two cores that is busy keeps nobody waiting for so long. */
const LATE_MS = 500;

export class HeldUp {
  /** the end of the last such time */
  #endMs = -Infinity;
  readonly #timer = setInterval(() => this.#look(), LOOK_MS);
  #lookedMs = performance.now();

  /** Whether it was held up in the last so many milliseconds. */
  inLast(ms: number): boolean {
    this.#look();
    return this.#endMs > this.#lookedMs - ms;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lookedMs > LATE_MS) this.#endMs = nowMs;
    this.#lookedMs = nowMs;
  }
}
