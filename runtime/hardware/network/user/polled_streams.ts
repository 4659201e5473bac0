// Connections of the host that are read and written by the calls of Linux themselves (recv(2), send(2)), when a
// poller says that they are ready. They are made by Deno, which asks its permissions, and closed by it; until
// then their descriptors are used beside it.
import { type Poller, PollEvent } from "../../poller.ts";
import type { HostStream } from "./host_sockets.ts";

const symbols = {
  // Counts fit into 32 bits, and are numbers then.
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

type Libc = Deno.DynamicLibrary<typeof symbols>["symbols"];

const OVER = PollEvent.RDHUP | PollEvent.HUP | PollEvent.ERR;
const READABLE = PollEvent.IN | OVER;
const WRITABLE = PollEvent.OUT | PollEvent.HUP | PollEvent.ERR;
const MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const EAGAIN = 11;

export class PolledStreams {
  readonly #libc: Libc = Deno.dlopen("libc.so.6", symbols).symbols;
  /** of this thread; looked at after a call that failed */
  readonly #errno = new Int32Array(
    Deno.UnsafePointerView.getArrayBuffer(this.#libc.__errno_location()!, 4),
  );

  constructor(private readonly poller: Poller) {}

  /** A connection from here on read and written here. @returns undefined where its descriptor is not known */
  over(connection: Deno.TcpConn): HostStream | undefined {
    const descriptor = descriptorOf(connection);
    if (descriptor === undefined) return undefined;
    const stream = new PolledStream(this.#libc, this.#errno, descriptor, () => {
      this.poller.remove(descriptor);
      connection.close();
    });
    const events = READABLE | WRITABLE | PollEvent.EDGE;
    this.poller.add(descriptor, events, (events) => stream.became(events));
    return stream;
  }
}

/** Deno shows the descriptor of a connection that came to those alone who know what it calls it. */
function descriptorOf(connection: Deno.TcpConn): number | undefined {
  const name = Object.getOwnPropertySymbols(connection).find(({ description }) =>
    description === "Deno.internal.fd"
  );
  const value = name === undefined ? undefined : Reflect.get(connection, name);
  return Number.isInteger(value) && value >= 0 ? value : undefined;
}

/** A call that waits until the connection is ready for it. */
interface Waiting<T> {
  bytes: Uint8Array<ArrayBuffer>;
  resolve(value: T): void;
  reject(failure: Error): void;
}

class PolledStream implements HostStream {
  // What it is ready for, as far as is known: edges tell of what it becomes.
  #readable = true;
  #writable = true;
  /** what is here is all that will ever come: no edge tells of it once more */
  #over = false;
  #reading: Waiting<number | null> | undefined;
  #writing: Waiting<number> | undefined;

  constructor(
    private readonly libc: Libc,
    private readonly errno: Int32Array,
    private readonly descriptor: number,
    private readonly release: () => void,
  ) {}

  became(events: number): void {
    if ((events & OVER) !== 0) this.#over = true;
    if ((events & READABLE) !== 0) {
      this.#readable = true;
      this.#goOnReading();
    }
    if ((events & WRITABLE) !== 0) {
      this.#writable = true;
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
    if (reading === undefined) return;
    const { bytes } = reading;
    const count = this.libc.recv(this.descriptor, bytes, bytes.length, MSG_DONTWAIT);
    if (count < 0 && this.errno[0] === EAGAIN) {
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
    return this.#writable ? Math.max(0, this.#send(bytes as Uint8Array<ArrayBuffer>)) : 0;
  }

  #send(bytes: Uint8Array<ArrayBuffer>): number {
    return this.libc.send(this.descriptor, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  #goOnWriting(): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    const count = this.#send(writing.bytes);
    if (count < 0 && this.errno[0] === EAGAIN) {
      this.#writable = false;
      return;
    }
    this.#writing = undefined;
    if (count < 0) writing.reject(this.#failure("write"));
    else writing.resolve(count);
  }

  closeWrite(): Promise<void> {
    return this.libc.shutdown(this.descriptor, SHUT_WR) === 0
      ? Promise.resolve()
      : Promise.reject(this.#failure("end"));
  }

  close(): void {
    this.#reading = this.#writing = undefined;
    this.release();
  }

  #failure(what: string): Error {
    return new Error(`Cannot ${what} a connection of the host: error ${this.errno[0]}`);
  }
}
