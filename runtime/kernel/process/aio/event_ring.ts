// The ring in which asynchronous operations leave their results (io_setup(2)): pages that the program has
// mapped, laid out as `struct aio_ring` of Linux, so that programs may take events without a call.
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { E, fail } from "../../errno.ts";
import { getInt, putInt, putLong } from "../little_endian.ts";
import type { Frame, Frames } from "../memory/frames.ts";
import { SharedMemoryObject } from "../memory/page_object.ts";

/** `struct io_event`: data, control block, result, second result */
export const EVENT_BYTES = 32;
const HEADER_BYTES = 32;
/** Places of the header. The program moves the head when it takes events itself. */
const Header = { ID: 0, EVENTS: 4, HEAD: 8, TAIL: 12, MAGIC: 16, COMPATIBLE: 20, LENGTH: 28 };
const MAGIC = 0xa10a_10a1, COMPATIBLE = 1;

export class EventRing {
  /** what the program maps; it lives as long as a mapping or the ring does */
  readonly object: SharedMemoryObject;
  /** places for events; one of them stays free */
  readonly places: number;
  readonly #bytes: Uint8Array;
  readonly #frames: Frame[];
  #tail = 0;

  /** @param least events that it has room for @throws Errno ENOMEM */
  constructor(frames: Frames, least: number, id: number) {
    const pages = Math.ceil((HEADER_BYTES + (least + 1) * EVENT_BYTES) / PAGE_BYTES);
    this.places = Math.floor((pages * PAGE_BYTES - HEADER_BYTES) / EVENT_BYTES);
    this.#bytes = frames.bytes;
    this.object = new SharedMemoryObject(frames);
    this.object.mapped();
    this.#frames = Array.from({ length: pages }, (_, page) => this.object.present(page));
    if (this.#frames.includes(0)) {
      this.close();
      fail(E.ENOMEM);
    }
    this.#put(Header.ID, id);
    this.#put(Header.EVENTS, this.places);
    this.#put(Header.MAGIC, MAGIC);
    this.#put(Header.COMPATIBLE, COMPATIBLE);
    this.#put(Header.LENGTH, HEADER_BYTES);
  }

  get pages(): number {
    return this.#frames.length;
  }

  #put(at: number, value: number): void {
    putInt(this.#bytes, this.#frames[0] + at, value);
  }

  /** Where the next event is taken; the program may have written anything there. */
  get #head(): number {
    return (getInt(this.#bytes, this.#frames[0] + Header.HEAD) >>> 0) % this.places;
  }

  /** events that nobody has taken */
  get waiting(): number {
    return (this.#tail - this.#head + this.places) % this.places;
  }

  /** Where an event lies in the machine's memory. */
  #place(index: number): number {
    const at = HEADER_BYTES + index * EVENT_BYTES;
    return this.#frames[Math.floor(at / PAGE_BYTES)] + at % PAGE_BYTES;
  }

  /**
   * Adds an event; who submits sees to it that there is room.
   * @param data the two halves of the submitter's number @param block address of the control block
   */
  add([low, high]: readonly [number, number], block: number, result: number): void {
    const at = this.#place(this.#tail);
    putInt(this.#bytes, at, low);
    putInt(this.#bytes, at + 4, high);
    putLong(this.#bytes, at + 8, block);
    putLong(this.#bytes, at + 16, result);
    putLong(this.#bytes, at + 24, 0);
    this.#tail = (this.#tail + 1) % this.places;
    this.#put(Header.TAIL, this.#tail);
  }

  /** Moves events out, as many as there are and have room. @returns how many */
  take(out: Uint8Array): number {
    const count = Math.min(this.waiting, Math.floor(out.length / EVENT_BYTES));
    let head = this.#head;
    for (let index = 0; index < count; index++, head = (head + 1) % this.places) {
      const at = this.#place(head);
      out.set(this.#bytes.subarray(at, at + EVENT_BYTES), index * EVENT_BYTES);
    }
    if (count > 0) this.#put(Header.HEAD, head);
    return count;
  }

  /** The kernel needs it no more. */
  close(): void {
    this.object.unmapped();
  }
}
