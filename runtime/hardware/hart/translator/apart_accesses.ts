// Groups of accesses that keep having no place of their own, mostly since they lie on two pages whose frames
// are no neighbours: translated code leaves them to the interpreter each time, so after a while they are
// better looked up one by one.
import { PAGE_BYTES } from "../translation_table.ts";

/** So often costs a few milliseconds, as much as making the code of a page anew. */
const OFTEN = 5000;

export class ApartAccesses {
  /** by frame, and by the place of a group's first instruction: how often */
  readonly #counts = new Map<number, Map<number, number>>();

  /** A group was apart once more. @returns whether it has become one of those that are checked one by one */
  note(place: number): boolean {
    const frame = place - place % PAGE_BYTES;
    let inFrame = this.#counts.get(frame);
    if (inFrame === undefined) this.#counts.set(frame, inFrame = new Map());
    const count = (inFrame.get(place) ?? 0) + 1;
    inFrame.set(place, count);
    return count === OFTEN;
  }

  /** Whether the group that begins at a place is to be checked one by one. */
  has(place: number): boolean {
    return (this.#counts.get(place - place % PAGE_BYTES)?.get(place) ?? 0) >= OFTEN;
  }

  /** The frame holds other code now. */
  forget(frame: number): void {
    this.#counts.delete(frame);
  }
}
