// A connection of the host that is read and written by the calls of Linux themselves (recv(2), send(2)), when a
// poller says that it is ready.
import { type Poller, PollEvent } from "../../poller.ts";
import type { HostStream } from "./host_sockets.ts";
import { Errno, type SocketCalls } from "./socket_calls.ts";

const OVER = PollEvent.RDHUP | PollEvent.HUP | PollEvent.ERR;
const READABLE = PollEvent.IN | OVER;
const WRITABLE = PollEvent.OUT | PollEvent.HUP | PollEvent.ERR;

/** A call that waits until the connection is ready for it. */
interface Waiting<T> {
  bytes: Uint8Array<ArrayBuffer>;
  resolve(value: T): void;
  reject(failure: Error): void;
}

export class PolledStream implements HostStream {
  // What it is ready for, as far as is known: edges tell of what it becomes.
  #readable = true;
  #writable = true;
  /** what is here is all that will ever come: no edge tells of it once more */
  #over = false;
  #reading: Waiting<number | null> | undefined;
  #writing: Waiting<number> | undefined;
  /** waits for what is asked for once, that it is ready to be written */
  #opening: (() => void) | undefined;
  #closed = false;

  /** @param descriptor from here on this stream's, to be closed by it */
  constructor(
    private readonly calls: SocketCalls,
    private readonly descriptor: number,
    private readonly poller: Poller,
  ) {
    const events = READABLE | WRITABLE | PollEvent.EDGE;
    poller.add(descriptor, events, (events) => this.#became(events));
  }

  /** Resolves when the host next says that it can be written: a connection that is begun is made then, or failed. */
  writable(): Promise<void> {
    return new Promise((resolve) => this.#opening = resolve);
  }

  #became(events: number): void {
    if ((events & OVER) !== 0) this.#over = true;
    if ((events & READABLE) !== 0) {
      this.#readable = true;
      this.#goOnReading();
    }
    if ((events & WRITABLE) !== 0) {
      this.#writable = true;
      this.#opening?.();
      this.#goOnWriting();
    }
  }

  read(into: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#reading = { bytes: into as Uint8Array<ArrayBuffer>, resolve, reject };
      if (this.#readable) this.#goOnReading();
    });
  }

  #goOnReading(): void {
    const reading = this.#reading;
    if (reading === undefined || this.#closed) return;
    const { bytes } = reading;
    const count = this.calls.recv(this.descriptor, bytes);
    if (count < 0 && this.calls.errno === Errno.EAGAIN) {
      this.#readable = false;
      return;
    }
    this.#reading = undefined;
    // Less than there was room for is all that there was.
    if (count < bytes.length && !this.#over) this.#readable = false;
    if (count < 0) reading.reject(this.#failure("read"));
    else reading.resolve(count === 0 ? null : count);
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#writing = { bytes: bytes as Uint8Array<ArrayBuffer>, resolve, reject };
      if (this.#writable) this.#goOnWriting();
    });
  }

  writeNow(bytes: Uint8Array): number {
    return this.#writable && !this.#closed
      ? Math.max(0, this.#send(bytes as Uint8Array<ArrayBuffer>))
      : 0;
  }

  #send(bytes: Uint8Array<ArrayBuffer>): number {
    return this.calls.send(this.descriptor, bytes);
  }

  #goOnWriting(): void {
    const writing = this.#writing;
    if (writing === undefined || this.#closed) return;
    const count = this.#send(writing.bytes);
    if (count < 0 && this.calls.errno === Errno.EAGAIN) {
      this.#writable = false;
      return;
    }
    this.#writing = undefined;
    if (count < 0) writing.reject(this.#failure("write"));
    else writing.resolve(count);
  }

  closeWrite(): Promise<void> {
    return !this.#closed && this.calls.endWriting(this.descriptor)
      ? Promise.resolve()
      : Promise.reject(this.#failure("end"));
  }

  close(): void {
    // Its number may be another's by now.
    if (this.#closed) return;
    this.#closed = true;
    this.#reading = this.#writing = undefined;
    this.poller.remove(this.descriptor);
    this.calls.close(this.descriptor);
  }

  #failure(what: string): Error {
    return new Error(`Cannot ${what} a connection of the host: error ${this.calls.errno}`);
  }
}
