// Memory of frames that are sent: one stretch, used round and round. Frames are given back in any order,
// and their memory is free again once that of all before them is.

/** Frames begin on lines of their own, so that the device reads none that is being written. */
const ALIGNMENT = 64;

export interface Stretch {
  /** first byte in the arena */
  at: number;
  /** first byte that the next one may have */
  end: number;
  released: boolean;
}

export class TransmitArena {
  readonly #taken: Stretch[] = [];
  /** first byte in use, and first byte after; the same where nothing is */
  #from = 0;
  #to = 0;

  constructor(private readonly sizeBytes: number) {}

  /** @returns undefined where there is no room now */
  take(length: number): Stretch | undefined {
    const needed = Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    if (this.#taken.length === 0) this.#from = this.#to = 0;
    const wrapped = this.#to < this.#from || this.#to === this.#from && this.#taken.length > 0;
    let at = this.#to;
    if (wrapped) {
      if (at + needed > this.#from) return undefined;
    } else if (at + needed > this.sizeBytes) {
      if (needed > this.#from) return undefined;
      at = 0;
    }
    const stretch = { at, end: at + needed, released: false };
    this.#to = stretch.end;
    this.#taken.push(stretch);
    return stretch;
  }

  release(stretch: Stretch): void {
    stretch.released = true;
    while (this.#taken.length > 0 && this.#taken[0].released) {
      this.#taken.shift();
      this.#from = this.#taken.length > 0 ? this.#taken[0].at : this.#to;
    }
  }
}
