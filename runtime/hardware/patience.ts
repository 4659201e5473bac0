// How long somebody has been waited for, by one who looks over and over. A look that comes late says that whoever
// looks was kept from it, as the other may have been: by a host that is busy, or a process that was stopped.

/** Times are in whatever unit the caller's clock has. */
export class Patience {
  #passed = 0;
  #looked: number;

  /**
   * @param limit how long to wait
   * @param mostGap of the time between two looks, no more than this counts
   * @param now when the waiting begins
   */
  constructor(private readonly limit: number, private readonly mostGap: number, now: number) {
    this.#looked = now;
  }

  /** The other has shown itself: the waiting begins anew. */
  renew(now: number): void {
    this.#passed = 0;
    this.#looked = now;
  }

  /** To be asked at each look. @returns whether the limit is passed */
  exhausted(now: number): boolean {
    this.#passed += Math.min(now - this.#looked, this.mostGap);
    this.#looked = now;
    return this.#passed > this.limit;
  }
}
