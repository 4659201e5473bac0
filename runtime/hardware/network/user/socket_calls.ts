// The calls of Linux for sockets (socket(7), ip(7), ipv6(7)), as far as address translation makes them, and the
// addresses that they take and give. Deno's own sockets speak by the event loop alone.
import { ipText, parseIp } from "../../../../schemas/internet_address.ts";

/** What reaches addresses that nothing here has reached before. */
const opening = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const symbols = {
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  // Counts fit into 32 bits, and are numbers then.
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  recvfrom: { parameters: ["i32", "buffer", "u32", "i32", "buffer", "buffer"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "u32", "i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

const AF_INET = 2, AF_INET6 = 10;
const SOCK_NONBLOCK = 0o4000, SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_ERROR = 4;
const IPPROTO_TCP = 6, TCP_NODELAY = 1;
const ADDRESS_BYTES = 28;
const MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;

export const SocketType = { STREAM: 1, DATAGRAM: 2 } as const;

export const Errno = {
  EINTR: 4,
  EAGAIN: 11,
  EACCES: 13,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ECONNABORTED: 103,
  EINPROGRESS: 115,
} as const;

const BACKLOG = 511;

type Bytes = Uint8Array<ArrayBuffer>;

/** Where calls give a length besides what it is the length of. */
const length = new Uint32Array(1), lengthBytes = new Uint8Array(length.buffer);
const value = new Int32Array(1), valueBytes = new Uint8Array(value.buffer);

export class SocketCalls {
  readonly #libc = Deno.dlopen("libc.so.6", symbols).symbols;
  #opening: Deno.DynamicLibrary<typeof opening> | undefined = Deno.dlopen("libc.so.6", opening);
  /** of this thread */
  readonly #errno = new Int32Array(
    Deno.UnsafePointerView.getArrayBuffer(this.#libc.__errno_location()!, 4),
  );

  /** Why the last call failed. */
  get errno(): number {
    return this.#errno[0];
  }

  /** Unloads what opens sockets: those that there are go on. */
  seal(): void {
    this.#opening?.close();
    this.#opening = undefined;
  }

  get #open(): Deno.DynamicLibrary<typeof opening>["symbols"] {
    if (this.#opening === undefined) throw new Error("Cannot open sockets any more");
    return this.#opening.symbols;
  }

  /** A socket that never blocks, for addresses like this one. @returns its descriptor; negative: see `errno` */
  open(address: Bytes, type: number): number {
    const family = address.length === ADDRESS_BYTES ? AF_INET6 : AF_INET;
    return this.#open.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }

  /** Binds a socket, if need be to what an earlier one had. @returns whether it is bound */
  bind(descriptor: number, address: Bytes, again: boolean): boolean {
    if (again) this.#set(descriptor, SOL_SOCKET, SO_REUSEADDR);
    return this.#open.bind(descriptor, address, address.length) === 0;
  }

  listen(descriptor: number): boolean {
    return this.#open.listen(descriptor, BACKLOG) === 0;
  }

  /** @returns descriptor of a connection that has come; negative where there is none: see `errno` */
  accept(descriptor: number): number {
    return this.#libc.accept4(descriptor, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }

  /** Begins to connect. @returns whether it is connected */
  connect(descriptor: number, address: Bytes): boolean {
    return this.#open.connect(descriptor, address, address.length) === 0;
  }

  /** What became of the connection that was begun. @returns 0, or why there is none */
  connected(descriptor: number): number {
    length[0] = 4;
    this.#libc.getsockopt(descriptor, SOL_SOCKET, SO_ERROR, valueBytes, lengthBytes);
    return value[0];
  }

  /** Small segments do not wait for one another. */
  setNoDelay(descriptor: number): void {
    this.#set(descriptor, IPPROTO_TCP, TCP_NODELAY);
  }

  #set(descriptor: number, level: number, option: number): void {
    value[0] = 1;
    this.#libc.setsockopt(descriptor, level, option, valueBytes, 4);
  }

  portOf(descriptor: number): number {
    const address = new Uint8Array(ADDRESS_BYTES);
    length[0] = address.length;
    this.#open.getsockname(descriptor, address, lengthBytes);
    return readAddress(address).port;
  }

  /** @returns bytes received; negative: see `errno` */
  recv(descriptor: number, into: Bytes): number {
    return this.#libc.recv(descriptor, into, into.length, MSG_DONTWAIT);
  }

  /** @returns bytes sent; negative: see `errno` */
  send(descriptor: number, bytes: Bytes): number {
    return this.#libc.send(descriptor, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /** As `recv`. @param from gets the sender's address: as many bytes as `FROM_BYTES` */
  recvFrom(descriptor: number, into: Bytes, from: Bytes): number {
    length[0] = from.length;
    return this.#libc.recvfrom(descriptor, into, into.length, MSG_DONTWAIT, from, lengthBytes);
  }

  sendTo(descriptor: number, bytes: Bytes, to: Bytes): number {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    return this.#libc.sendto(descriptor, bytes, bytes.length, flags, to, to.length);
  }

  /** Tells the other end that no more will come. @returns whether it could be told */
  endWriting(descriptor: number): boolean {
    return this.#libc.shutdown(descriptor, SHUT_WR) === 0;
  }

  close(descriptor: number): void {
    this.#libc.close(descriptor);
  }
}

/** Room for any sender's address. */
export const FROM_BYTES = ADDRESS_BYTES;

/** `struct sockaddr_in`, or `sockaddr_in6`. @returns undefined where the host is a name */
export function socketAddress(host: string, port: number): Bytes | undefined {
  const ip = parseIp(host);
  if (ip === undefined) return undefined;
  const bytes = new Uint8Array(ip.length === 4 ? 16 : ADDRESS_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ip.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(ip, ip.length === 4 ? 4 : 8);
  return bytes;
}

/** The reverse. */
export function readAddress(bytes: Bytes): { host: string; port: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const ip = view.getUint16(0, true) === AF_INET ? bytes.subarray(4, 8) : bytes.subarray(8, 24);
  return { host: ipText(ip), port: view.getUint16(2) };
}
