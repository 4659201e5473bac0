// A device's register window: one page that its driver's domain and the device thread share. Registers
// proper are read and written through a mailbox in it, one access at a time, since both sides are
// threads of their own; queue notifications and interrupts are plain words. Each side may find
// anything here: the device checks offsets and values, the driver checks what it is told.
import type { Bell } from "../doorbell.ts";
import { Patience } from "../patience.ts";

export const WINDOW_BYTES = 4096;

/** What a driver sees of its device (virtio 1.2, section 4.2.2: MMIO register layout). */
export interface DeviceRegisters {
  /** @throws DeviceSilent when the device does not answer */
  read32(offset: number): number;
  write32(offset: number, value: number): void;
  /** Tells the device that a queue has new buffers. */
  notify(queue: number): void;
  /** Whether the device has interrupted since last asked. */
  takeInterrupt(): boolean;
  /** Whether an interrupt waits. */
  readonly interrupted: boolean;
}

/** What a device model does with accesses to its registers. */
export interface RegisterFile {
  read32(offset: number): number;
  write32(offset: number, value: number): void;
}

/** A device did not answer a register access in time. */
export class DeviceSilent extends Error {
  override name = "DeviceSilent";
}

const Word = {
  REQUEST: 0,
  REPLY: 1,
  WRITE: 2,
  OFFSET: 3,
  VALUE: 4,
  INTERRUPT: 16,
  NOTIFY: 32,
} as const;

/** The driver's side. `nowNs` bounds how long it waits for the device thread. */
export class WindowRegisters implements DeviceRegisters {
  readonly #words: Int32Array;
  constructor(
    memory: ArrayBufferLike,
    private readonly bell: Bell,
    private readonly nowNs: () => number,
  ) {
    this.#words = new Int32Array(memory, 0, WINDOW_BYTES / 4);
  }

  read32(offset: number): number {
    return this.#access(offset, 0, 0);
  }

  write32(offset: number, value: number): void {
    this.#access(offset, value, 1);
  }

  #access(offset: number, value: number, write: number): number {
    const words = this.#words;
    words[Word.OFFSET] = offset;
    words[Word.VALUE] = value;
    words[Word.WRITE] = write;
    const request = (Atomics.load(words, Word.REQUEST) + 1) | 0;
    Atomics.store(words, Word.REQUEST, request);
    this.bell.ring();
    const patience = new Patience(ANSWER_LIMIT_NS, MOST_GAP_NS, this.nowNs());
    for (let spins = 1; Atomics.load(words, Word.REPLY) !== request; spins++) {
      Atomics.pause();
      if (spins % 1024 === 0 && patience.exhausted(this.nowNs())) {
        throw new DeviceSilent(
          `Cannot reach register 0x${offset.toString(16)}: the device does not answer`,
        );
      }
    }
    return words[Word.VALUE] >>> 0;
  }

  notify(queue: number): void {
    Atomics.store(this.#words, Word.NOTIFY + queue, 1);
    this.bell.ring();
  }

  takeInterrupt(): boolean {
    // A plain look first: it costs a tenth of an ordered one, and is nearly always in vain.
    return this.#words[Word.INTERRUPT] !== 0 &&
      Atomics.exchange(this.#words, Word.INTERRUPT, 0) !== 0;
  }

  get interrupted(): boolean {
    return Atomics.load(this.#words, Word.INTERRUPT) !== 0;
  }
}

const ANSWER_LIMIT_NS = 5e9;
/** Looks at the clock are microseconds apart, unless somebody else has the processor. */
const MOST_GAP_NS = 10e6;

/** The device's side. */
export class WindowPort {
  readonly #words: Int32Array;
  /** @param bell of the domain that drives the device */
  constructor(memory: ArrayBufferLike, private readonly bell: Bell) {
    this.#words = new Int32Array(memory, 0, WINDOW_BYTES / 4);
  }

  /** Serves a waiting register access. @returns whether there was one */
  serve(registers: RegisterFile): boolean {
    const words = this.#words;
    const request = Atomics.load(words, Word.REQUEST);
    if (request === Atomics.load(words, Word.REPLY)) return false;
    const offset = words[Word.OFFSET], value = words[Word.VALUE] >>> 0;
    if (words[Word.WRITE] !== 0) registers.write32(offset, value);
    else words[Word.VALUE] = registers.read32(offset);
    Atomics.store(words, Word.REPLY, request);
    return true;
  }

  /** Whether a register access or a notification waits. */
  pending(queues: number): boolean {
    const words = this.#words;
    if (Atomics.load(words, Word.REQUEST) !== Atomics.load(words, Word.REPLY)) return true;
    for (let queue = 0; queue < queues; queue++) {
      if (Atomics.load(words, Word.NOTIFY + queue) !== 0) return true;
    }
    return false;
  }

  /** Takes the notification of a queue. */
  takeNotify(queue: number): boolean {
    return Atomics.load(this.#words, Word.NOTIFY + queue) !== 0 &&
      Atomics.exchange(this.#words, Word.NOTIFY + queue, 0) !== 0;
  }

  /** Raises the device's interrupt. */
  interrupt(): void {
    Atomics.store(this.#words, Word.INTERRUPT, 1);
    this.bell.ring();
  }
}
