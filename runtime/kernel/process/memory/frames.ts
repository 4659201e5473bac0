// The frames of user memory: who uses them, and which hold code that a hart has cached.
import { FRAMES_BASE, type HartMemory } from "../../../hardware/hart/hart_memory.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";

/** A place for one page in the hart's memory: its address there. 0 is no frame. */
export type Frame = number;

export class Frames {
  readonly bytes: Uint8Array;
  /** users of each frame: pages of address spaces, and caches */
  readonly #uses: Uint32Array;
  /** system calls under way that read or write each frame */
  readonly #pins: Uint16Array;
  /** bit 0: a hart has cached its code; bit 1: some translation allows writes to it */
  readonly #marks: Uint8Array;
  /** frames that have been used and given back, the last one first */
  readonly #free: Int32Array;
  #freeCount = 0;
  /** frames from here on have never been used: they are zero */
  #fresh = 0;
  /** called when a frame whose code is cached is written or given back */
  onCodeChange: (frame: Frame) => void = () => {};
  /** called before a frame whose code is cached must not be written unnoticed */
  onGuard: () => void = () => {};
  /** what has been kept for later may go: called when memory runs out. @returns whether anything went */
  reclaim: () => boolean = () => false;

  constructor(readonly memory: HartMemory) {
    this.bytes = memory.bytes;
    this.#uses = new Uint32Array(memory.frames);
    this.#pins = new Uint16Array(memory.frames);
    this.#marks = new Uint8Array(memory.frames);
    this.#free = new Int32Array(memory.frames);
  }

  get total(): number {
    return this.memory.frames;
  }

  get available(): number {
    return this.#freeCount + this.total - this.#fresh;
  }

  /** A frame with one use. @param zeroed whether it must be zero @returns 0 when there is none left */
  allocate(zeroed: boolean): Frame {
    for (;;) {
      // What was never used comes first as long as there is plenty: it is zero, and neighbours in memory.
      if (this.#fresh < this.total && (this.#freeCount < 64 || zeroed)) {
        const index = this.#fresh++;
        this.#uses[index] = 1;
        return FRAMES_BASE + index * PAGE_BYTES;
      }
      if (this.#freeCount > 0) {
        const index = this.#free[--this.#freeCount];
        this.#uses[index] = 1;
        const frame = FRAMES_BASE + index * PAGE_BYTES;
        if (zeroed) this.bytes.fill(0, frame, frame + PAGE_BYTES);
        return frame;
      }
      if (!this.reclaim()) return 0;
    }
  }

  /** Another user. */
  hold(frame: Frame): void {
    this.#uses[(frame - FRAMES_BASE) / PAGE_BYTES]++;
  }

  uses(frame: Frame): number {
    return this.#uses[(frame - FRAMES_BASE) / PAGE_BYTES];
  }

  /** One user less; the last one gives the frame back. */
  release(frame: Frame): void {
    const index = (frame - FRAMES_BASE) / PAGE_BYTES;
    if (--this.#uses[index] > 0 || this.#pins[index] > 0) return;
    this.#giveBack(index);
  }

  #giveBack(index: number): void {
    if ((this.#marks[index] & 1) !== 0) this.onCodeChange(FRAMES_BASE + index * PAGE_BYTES);
    this.#marks[index] = 0;
    this.#free[this.#freeCount++] = index;
  }

  /** A system call reads or writes the frame until `unpin`, whatever happens to its page meanwhile. */
  pin(frame: Frame): void {
    this.#pins[(frame - FRAMES_BASE) / PAGE_BYTES]++;
  }

  unpin(frame: Frame): void {
    const index = (frame - FRAMES_BASE) / PAGE_BYTES;
    if (--this.#pins[index] === 0 && this.#uses[index] === 0) this.#giveBack(index);
  }

  pinned(frame: Frame): boolean {
    return this.#pins[(frame - FRAMES_BASE) / PAGE_BYTES] > 0;
  }

  /** A hart caches what the frame's code means. */
  guardCode(frame: Frame): void {
    const index = (frame - FRAMES_BASE) / PAGE_BYTES;
    if ((this.#marks[index] & 2) !== 0) {
      this.onGuard();
      this.#marks.forEach((mark, each) => this.#marks[each] = mark & ~2);
    }
    this.#marks[index] |= 1;
  }

  holdsCode(frame: Frame): boolean {
    return (this.#marks[(frame - FRAMES_BASE) / PAGE_BYTES] & 1) !== 0;
  }

  /** The frame is about to be written. @param open whether from now on unnoticed, through a translation */
  noteWrite(frame: Frame, open: boolean): void {
    const index = (frame - FRAMES_BASE) / PAGE_BYTES;
    if ((this.#marks[index] & 1) !== 0) {
      this.#marks[index] &= ~1;
      this.onCodeChange(frame);
    }
    if (open) this.#marks[index] |= 2;
  }
}
