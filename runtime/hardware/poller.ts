// Descriptors of the host and what they are ready for, by the calls of Linux (epoll(7)) and without an event
// loop: for a thread that has no time for what a loop does for each event.

const symbols = {
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  /** made on another thread */
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What a descriptor may be ready for, and how that is told. */
export const PollEvent = {
  IN: 1,
  OUT: 4,
  ERR: 8,
  HUP: 0x10,
  RDHUP: 0x2000,
  /** told once for each time that it becomes so */
  EDGE: 0x8000_0000,
} as const;

const EPOLL_CLOEXEC = 0o2000000, EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2;
/** `struct epoll_event` is packed on x86-64. */
const [EVENT_BYTES, DATA_AT] = Deno.build.arch === "x86_64" ? [12, 4] : [16, 8];
const MAX_EVENTS = 64;
const POLLIN = 1;

/** @param events bits of {@link PollEvent} */
export type Became = (events: number) => void;

export class Poller {
  readonly #libc = Deno.dlopen("libc.so.6", symbols).symbols;
  readonly #epoll = this.#libc.epoll_create1(EPOLL_CLOEXEC);
  readonly #watched = new Map<number, Became>();
  readonly #events = new DataView(new ArrayBuffer(MAX_EVENTS * EVENT_BYTES));
  readonly #eventBytes = new Uint8Array(this.#events.buffer);
  /** `struct pollfd` of what is waited for elsewhere */
  readonly #itself = new DataView(new ArrayBuffer(8));

  /** Whether this host has the calls, and this thread may load them. */
  static get available(): boolean {
    return Deno.build.os === "linux" &&
      Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  }

  constructor() {
    if (this.#epoll < 0) throw new Error("Cannot watch descriptors: epoll_create1 failed");
    this.#itself.setInt32(0, this.#epoll, true);
    this.#itself.setInt16(4, POLLIN, true);
  }

  /** @throws Error where the host cannot watch it */
  add(descriptor: number, events: number, became: Became): void {
    if (this.#control(EPOLL_CTL_ADD, descriptor, events) !== 0) {
      throw new Error(`Cannot watch descriptor ${descriptor}: epoll_ctl failed`);
    }
    this.#watched.set(descriptor, became);
  }

  /** To be called before it is closed. */
  remove(descriptor: number): void {
    this.#watched.delete(descriptor);
    this.#control(EPOLL_CTL_DEL, descriptor, 0);
  }

  #control(operation: number, descriptor: number, events: number): number {
    const event = new DataView(new ArrayBuffer(EVENT_BYTES));
    event.setUint32(0, events >>> 0, true);
    event.setInt32(DATA_AT, descriptor, true);
    return this.#libc.epoll_ctl(this.#epoll, operation, descriptor, new Uint8Array(event.buffer));
  }

  /**
   * Tells of what there is; where there is nothing, blocks until there is.
   * @param timeoutMs how long at most
   * @returns whether there was anything
   */
  poll(timeoutMs = 0): boolean {
    const count = this.#libc.epoll_wait(this.#epoll, this.#eventBytes, MAX_EVENTS, timeoutMs);
    for (let index = 0; index < count; index++) {
      const at = index * EVENT_BYTES;
      const descriptor = this.#events.getInt32(at + DATA_AT, true);
      this.#watched.get(descriptor)?.(this.#events.getUint32(at, true));
    }
    return count > 0;
  }

  /** Waits on another thread. @returns whether there is something to poll */
  async waitElsewhere(timeoutMs: number): Promise<boolean> {
    return await this.#libc.poll(new Uint8Array(this.#itself.buffer), 1n, timeoutMs) > 0;
  }

  close(): void {
    this.#libc.close(this.#epoll);
  }
}
