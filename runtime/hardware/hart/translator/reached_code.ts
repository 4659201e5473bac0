// Code that earlier machines executed, and that therefore is worth translating: the interpreter of this one
// may never come to it, since its regions are there already.
import { PAGE_BYTES } from "../translation_table.ts";

export class ReachedCode {
  /** by frame, for each half-word */
  readonly #frames = new Map<number, Uint8Array>();

  /** @param place of the first of so many bytes, all on a page */
  add(place: number, bytes: number): void {
    const offset = place % PAGE_BYTES;
    let reached = this.#frames.get(place - offset);
    if (reached === undefined) {
      this.#frames.set(place - offset, reached = new Uint8Array(PAGE_BYTES / 2));
    }
    reached.fill(1, offset >> 1, offset + bytes >> 1);
  }

  has(place: number): boolean {
    const offset = place % PAGE_BYTES;
    return this.#frames.get(place - offset)?.[offset >> 1] === 1;
  }

  /** The frame holds other code now. */
  forget(frame: number): void {
    this.#frames.delete(frame);
  }
}
