// The frames of user memory: who uses them, and which hold code that a hart has cached.
import { FRAMES_BASE, type HartMemory } from "../../../hardware/hart/hart_memory.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";

/** A place for one page in the hart's memory: its address there. 0 is no frame. */
export type Frame = number;

/**
 * Pages whose addresses differ below this many get frames that lie to each other as they do, where that can be
 * had: what lies on two pages then often is in one piece for the hart.
 */
export const BLOCK_FRAMES = 16;
const ALL_FREE = 0xffff;

/** Marks of a frame. */
const Mark = {
  /** a hart has cached its code */
  CODE: 1,
  /** some translation allows writes to it */
  OPEN: 2,
  /** it has been used: it is not zero */
  USED: 4,
} as const;

/** Blocks that may have something free. What is popped may no longer: whoever asks looks. */
class Blocks {
  readonly #stack: Int32Array;
  readonly #listed: Uint8Array;
  #count = 0;

  constructor(blocks: number) {
    this.#stack = new Int32Array(blocks);
    this.#listed = new Uint8Array(blocks);
  }

  push(block: number): void {
    if (this.#listed[block] !== 0) return;
    this.#listed[block] = 1;
    this.#stack[this.#count++] = block;
  }

  /** The block that was pushed last and for which `holds` is so. @returns -1 where there is none */
  last(holds: (block: number) => boolean): number {
    for (; this.#count > 0; this.#count--) {
      const block = this.#stack[this.#count - 1];
      if (holds(block)) return block;
      this.#listed[block] = 0;
    }
    return -1;
  }
}

export class Frames {
  readonly bytes: Uint8Array;
  readonly total: number;
  /** frames that nobody has */
  available: number;
  /** users of each frame: pages of address spaces, and caches */
  readonly #uses: Uint32Array;
  /** system calls under way that read or write each frame */
  readonly #pins: Uint16Array;
  readonly #marks: Uint8Array;
  /** by block, a bit for each frame that is free */
  readonly #free: Uint16Array;
  readonly #whole: Blocks;
  readonly #partial: Blocks;
  /** called when a frame whose code is cached is written or given back */
  onCodeChange: (frame: Frame) => void = () => {};
  /** called before a frame whose code is cached must not be written unnoticed */
  onGuard: () => void = () => {};
  /** what has been kept for later may go: called when memory runs out. @returns whether anything went */
  reclaim: () => boolean = () => false;

  constructor(readonly memory: HartMemory) {
    const blocks = Math.floor(memory.frames / BLOCK_FRAMES);
    this.total = this.available = blocks * BLOCK_FRAMES;
    this.bytes = memory.bytes;
    this.#uses = new Uint32Array(this.total);
    this.#pins = new Uint16Array(this.total);
    this.#marks = new Uint8Array(this.total);
    this.#free = new Uint16Array(blocks).fill(ALL_FREE);
    this.#whole = new Blocks(blocks);
    this.#partial = new Blocks(blocks);
    for (let block = blocks - 1; block >= 0; block--) this.#whole.push(block);
  }

  /**
   * A frame with one use.
   * @param zeroed whether it must be zero
   * @param page number of the page that it is for
   * @param frameAt what frame another page has, whose neighbour it might be; 0 for none
   * @returns 0 when there is none left
   */
  allocate(zeroed: boolean, page = 0, frameAt: (page: number) => Frame = () => 0): Frame {
    const beside = this.#beside(page, frameAt);
    if (beside >= 0) return this.#take(beside, zeroed);
    for (;;) {
      const whole = this.#whole.last((block) => this.#free[block] === ALL_FREE);
      if (whole >= 0) return this.#take(whole * BLOCK_FRAMES + page % BLOCK_FRAMES, zeroed);
      const partial = this.#partial.last((block) => this.#free[block] !== 0);
      if (partial >= 0) {
        const lowest = 31 - Math.clz32(this.#free[partial] & -this.#free[partial]);
        return this.#take(partial * BLOCK_FRAMES + lowest, zeroed);
      }
      if (!this.reclaim()) return 0;
    }
  }

  /** The frame that lies to that of another page of its block, the nearest, as the pages do. @returns -1 if none is free */
  #beside(page: number, frameAt: (page: number) => Frame): number {
    const own = page % BLOCK_FRAMES;
    for (let step = 1; step < BLOCK_FRAMES; step++) {
      for (const each of [own - step, own + step]) {
        const frame = each < 0 || each >= BLOCK_FRAMES ? 0 : frameAt(page - own + each);
        if (frame === 0) continue;
        const index = (frame - FRAMES_BASE) / PAGE_BYTES;
        if (index % BLOCK_FRAMES !== each) continue;
        const block = (index - each) / BLOCK_FRAMES;
        if ((this.#free[block] >> own & 1) !== 0) return index - each + own;
      }
    }
    return -1;
  }

  #take(index: number, zeroed: boolean): Frame {
    const frame = FRAMES_BASE + index * PAGE_BYTES;
    if (zeroed && (this.#marks[index] & Mark.USED) !== 0) {
      this.bytes.fill(0, frame, frame + PAGE_BYTES);
    }
    const block = Math.floor(index / BLOCK_FRAMES);
    this.#free[block] &= ~(1 << index % BLOCK_FRAMES);
    this.#partial.push(block);
    this.#uses[index] = 1;
    this.#marks[index] = Mark.USED;
    this.available--;
    return frame;
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
    if ((this.#marks[index] & Mark.CODE) !== 0) this.onCodeChange(FRAMES_BASE + index * PAGE_BYTES);
    this.#marks[index] = Mark.USED;
    const block = Math.floor(index / BLOCK_FRAMES);
    this.#free[block] |= 1 << index % BLOCK_FRAMES;
    (this.#free[block] === ALL_FREE ? this.#whole : this.#partial).push(block);
    this.available++;
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
    if ((this.#marks[index] & Mark.OPEN) !== 0) {
      this.onGuard();
      this.#marks.forEach((mark, each) => this.#marks[each] = mark & ~Mark.OPEN);
    }
    this.#marks[index] |= Mark.CODE;
  }

  holdsCode(frame: Frame): boolean {
    return (this.#marks[(frame - FRAMES_BASE) / PAGE_BYTES] & Mark.CODE) !== 0;
  }

  /** The frame is about to be written. @param open whether from now on unnoticed, through a translation */
  noteWrite(frame: Frame, open: boolean): void {
    const index = (frame - FRAMES_BASE) / PAGE_BYTES;
    if ((this.#marks[index] & Mark.CODE) !== 0) {
      this.#marks[index] &= ~Mark.CODE;
      this.onCodeChange(frame);
    }
    if (open) this.#marks[index] |= Mark.OPEN;
  }
}
