// Memory of a process that stays where it is while something is read into it or written out of it, whatever the
// process does with its pages meanwhile.
import type { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import type { AddressSpace } from "./address_space.ts";
import type { Frame, Frames } from "./frames.ts";

export class PinnedMemory {
  private constructor(
    private readonly frames: Frames,
    private readonly first: Frame,
    private readonly end: Frame,
    /** the memory itself */
    readonly bytes: Uint8Array,
  ) {
    for (let frame = first; frame < end; frame += PAGE_BYTES) frames.pin(frame);
  }

  /** @returns undefined where a page is not there for the access, or its frame is no neighbour of the one before */
  static of(
    space: AddressSpace,
    address: number,
    length: number,
    access: Access,
  ): PinnedMemory | undefined {
    const within = address % PAGE_BYTES, page = (address - within) / PAGE_BYTES;
    const first = space.frameFor(page, access);
    if (first === 0) return undefined;
    const end = first + Math.ceil((within + length) / PAGE_BYTES) * PAGE_BYTES;
    for (let frame = first + PAGE_BYTES; frame < end; frame += PAGE_BYTES) {
      if (space.frameFor(page + (frame - first) / PAGE_BYTES, access) !== frame) return undefined;
    }
    const { frames } = space.memory, start = first + within;
    return new PinnedMemory(frames, first, end, frames.bytes.subarray(start, start + length));
  }

  release(): void {
    for (let frame = this.first; frame < this.end; frame += PAGE_BYTES) this.frames.unpin(frame);
  }
}
