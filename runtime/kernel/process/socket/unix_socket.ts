// UNIX sockets (unix(7)): streams, datagrams and sequenced packets between processes of the machine, with
// open files and credentials going along.
import { type Coroutine, finish } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, Errno, fail } from "../../errno.ts";
import { AF, MSG, SHUT, SO, SOCK, SOL } from "../../network/constants.ts";
import { POLL } from "../../vfs/constants.ts";
import { releaseAll } from "../file/descriptor_table.ts";
import type { Process } from "../process.ts";
import {
  type Incoming,
  intOption,
  type Outgoing,
  roomOf,
  type Sender,
  senderOf,
  Socket,
} from "./socket.ts";
import { UnixOptions } from "./unix_options.ts";
import { type UnixNames, UNNAMED } from "./unix_names.ts";
import { UnixQueue } from "./unix_queue.ts";

/** Datagrams that wait at one socket. */
const MAX_QUEUED = 512;
const MAX_BACKLOG = 4096;

export class UnixSocket extends Socket {
  readonly #options = new UnixOptions();
  readonly #queue = new UnixQueue(this.#options);
  #name: Uint8Array = UNNAMED;
  #key: string | undefined;
  #peer: UnixSocket | undefined;
  /** it was connected once, and its peer has gone */
  #left = false;
  #backlog: UnixSocket[] | undefined;
  #mostBacklog = 0;
  #noReading = false;
  #noWriting = false;
  #closed = false;
  #error = 0;
  #owner: Sender | undefined;
  #peerOwner: Sender | undefined;
  /** sockets that wait until this one has room */
  readonly #writers = new Set<UnixSocket>();

  constructor(
    environment: Environment,
    private readonly names: UnixNames,
    type: number,
    flags: number,
  ) {
    super(environment, AF.UNIX, type, 0, flags);
  }

  /** Connects two sockets that have no names. */
  static pair(a: UnixSocket, b: UnixSocket, owner: Sender): void {
    a.#peer = b;
    b.#peer = a;
    for (const end of [a, b]) end.#owner = end.#peerOwner = owner;
  }

  get listening(): boolean {
    return this.#backlog !== undefined;
  }

  get connected(): boolean {
    return this.#peer !== undefined;
  }

  *bind(process: Process, address: Uint8Array): Coroutine<number> {
    const named = this.#key !== undefined;
    [this.#name, this.#key] = yield* this.names.bind(process, this, address, named);
    return 0;
  }

  *connect(process: Process, address: Uint8Array): Coroutine<number> {
    if (!this.#packets && !this.streams) return yield* this.#connectDatagrams(process, address);
    if (this.#peer !== undefined || this.#left) fail(E.EISCONN);
    if (this.#backlog !== undefined) fail(E.EINVAL);
    const listener = yield* this.names.find(process, address, this.type);
    if (listener.type !== this.type) fail(E.EPROTOTYPE);
    return yield* this.whenSendable(0, () => {
      const backlog = listener.#backlog;
      if (backlog === undefined) return fail(E.ECONNREFUSED);
      if (backlog.length > listener.#mostBacklog) {
        listener.#writers.add(this);
        return undefined;
      }
      const served = new UnixSocket(this.environment, this.names, this.type, 0);
      served.#name = listener.#name;
      served.#peer = this;
      this.#peer = served;
      this.#owner = served.#peerOwner = senderOf(process);
      this.#peerOwner = served.#owner = listener.#owner;
      served.#options.passesCredentials = listener.#options.passesCredentials;
      backlog.push(served);
      listener.readiness.wakeAll();
      this.readiness.wakeAll();
      return 0;
    });
  }

  *#connectDatagrams(process: Process, address: Uint8Array): Coroutine<number> {
    if (address.length >= 2 && (address[0] | address[1] << 8) === AF.UNSPEC) {
      this.#peer = undefined;
      return 0;
    }
    const peer = yield* this.names.find(process, address, this.type);
    if (peer.type !== this.type) fail(E.EPROTOTYPE);
    this.#peer = peer;
    return 0;
  }

  get #packets(): boolean {
    return this.type === SOCK.SEQPACKET;
  }

  listen(process: Process, backlog: number): number {
    if (this.type === SOCK.DGRAM) fail(E.EOPNOTSUPP);
    if (this.#key === undefined || this.#peer !== undefined) fail(E.EINVAL);
    this.#backlog ??= [];
    this.#mostBacklog = Math.min(Math.max(backlog, 0), MAX_BACKLOG);
    this.#owner = senderOf(process);
    return 0;
  }

  *accept(flags: number): Coroutine<{ socket: Socket; address: Uint8Array }> {
    if (this.type === SOCK.DGRAM) fail(E.EOPNOTSUPP);
    if (this.#backlog === undefined) fail(E.EINVAL);
    const socket = yield* this.whenReceivable(0, () => this.#backlog!.shift());
    socket.flags |= flags & SOCK.NONBLOCK;
    this.#wakeWriters();
    const peer = socket.#peer;
    return { socket, address: peer === undefined ? UNNAMED : peer.#name };
  }

  *send(message: Outgoing, flags: number): Coroutine<number> {
    if ((flags & MSG.OOB) !== 0) fail(E.EOPNOTSUPP);
    try {
      return yield* this.#deliver(message, flags);
    } finally {
      // What nobody has taken over is closed.
      yield* releaseAll(message.rights.splice(0));
    }
  }

  *#deliver(message: Outgoing, flags: number): Coroutine<number> {
    if (this.streams) {
      if (message.address !== undefined && message.address.length > 0) {
        fail(this.#peer === undefined ? E.EOPNOTSUPP : E.EISCONN);
      }
      return yield* this.#sendStream(message, flags);
    }
    const { data } = message;
    if (data.length > this.#options.sendBytes - 32) fail(E.EMSGSIZE);
    const to = yield* this.#receiver(message);
    return yield* this.whenSendable(flags, () => {
      if (this.#noWriting) fail(E.EPIPE);
      if (to.#closed) fail(this.#packets ? E.EPIPE : E.ECONNREFUSED);
      if (to.#noReading) fail(E.EPIPE);
      if (to.#peer !== undefined && to.#peer !== this) fail(E.EPERM);
      if (to.#queue.length >= MAX_QUEUED || to.#queue.bytes + data.length > to.#options.sendBytes) {
        to.#writers.add(this);
        return undefined;
      }
      to.#put(data.slice(), this.#name, message);
      return data.length;
    });
  }

  *#receiver(message: Outgoing): Coroutine<UnixSocket> {
    const { address } = message;
    if (address === undefined || address.length === 0 || this.#packets) {
      this.#takeError();
      return this.#peer ?? fail(this.#left ? E.EPIPE : E.ENOTCONN);
    }
    const process = message.process;
    if (process === undefined) return fail(E.EINVAL);
    const found = yield* this.names.find(process, address, this.type);
    return found.type === this.type ? found : fail(E.EPROTOTYPE);
  }

  *#sendStream(message: Outgoing, flags: number): Coroutine<number> {
    const { data } = message;
    let sent = 0;
    while (sent < data.length) {
      const attempt = (): number | undefined => {
        if (this.#noWriting) fail(E.EPIPE);
        const peer = this.#peer;
        if (peer === undefined) {
          this.#takeError();
          return fail(this.#left ? E.EPIPE : E.ENOTCONN);
        }
        if (peer.#noReading) fail(E.EPIPE);
        const room = this.#options.sendBytes - peer.#queue.bytes;
        if (room <= 0) return undefined;
        const part = data.slice(sent, sent + room);
        peer.#put(part, this.#name, message);
        return part.length;
      };
      if (sent > 0 && !this.mayWait(flags) && !this.#hasRoom) break;
      try {
        sent += yield* this.whenSendable(flags, attempt);
      } catch (failure) {
        if (!(failure instanceof Errno) || sent === 0) throw failure;
        break;
      }
    }
    return sent;
  }

  get #hasRoom(): boolean {
    const peer = this.#peer;
    return peer === undefined || peer.#queue.bytes < this.#options.sendBytes;
  }

  #takeError(): void {
    const error = this.#error;
    this.#error = 0;
    if (error !== 0) fail(error);
  }

  /** Takes a message in; the open files that go along are its own from now on. */
  #put(data: Uint8Array, from: Uint8Array, message: Outgoing): void {
    if (this.streams) this.#queue.putPiece(data, from, message);
    else this.#queue.put(data, from, message);
    this.readiness.wakeAll();
  }

  *receive(message: Incoming, flags: number): Coroutine<number> {
    if ((flags & MSG.OOB) !== 0) fail(E.EOPNOTSUPP);
    if (this.#backlog !== undefined) fail(E.EINVAL);
    if (!this.streams) {
      return yield* this.whenReceivable(flags, () => this.#takeMessage(message, flags));
    }
    const room = roomOf(message);
    let done = 0;
    do {
      try {
        const attempt = () => this.#takeStream(message, flags, done);
        const taken = yield* this.whenReceivable(flags, attempt);
        if (taken === 0) break;
        done += taken;
      } catch (failure) {
        if (!(failure instanceof Errno) || done === 0) throw failure;
        break;
      }
    } while (
      done < room && (flags & MSG.WAITALL) !== 0 && (flags & MSG.PEEK) === 0 &&
      message.rights.length === 0
    );
    return done;
  }

  /** The next datagram; undefined where there is none. */
  #takeMessage(message: Incoming, flags: number): number | undefined {
    if (this.#queue.length === 0) return this.#nothing();
    const { count, bytes } = this.#queue.takeMessage(message, flags);
    if (this.#packets) message.flags |= MSG.EOR;
    if ((flags & MSG.PEEK) === 0) this.#wakePeer();
    return (flags & MSG.TRUNC) !== 0 ? bytes : count;
  }

  /** What a stream has; undefined where that is nothing yet, 0 at its end. */
  #takeStream(message: Incoming, flags: number, before: number): number | undefined {
    if (this.#queue.length === 0) {
      if (before > 0 && (this.#noReading || this.#left)) return 0;
      return this.#nothing();
    }
    const done = this.#queue.takeStream(message, flags, before);
    if ((flags & MSG.PEEK) === 0) this.#wakePeer();
    return done;
  }

  /** Nothing is there: whether that is the end. */
  #nothing(): 0 | undefined {
    this.#takeError();
    if (this.#noReading || this.#left) return 0;
    if (this.type !== SOCK.DGRAM && this.#peer === undefined) {
      fail(this.streams ? E.EINVAL : E.ENOTCONN);
    }
    return undefined;
  }

  #wakePeer(): void {
    if (this.streams || this.#packets) this.#peer?.readiness.wakeAll();
    this.#wakeWriters();
  }

  #wakeWriters(): void {
    for (const writer of this.#writers) writer.readiness.wakeAll();
    this.#writers.clear();
  }

  shutdown(how: number): number {
    if (how !== SHUT.RD && how !== SHUT.WR && how !== SHUT.RDWR) fail(E.EINVAL);
    const peer = this.#peer;
    if (how !== SHUT.WR) this.#noReading = true;
    if (how !== SHUT.RD) {
      this.#noWriting = true;
      if (peer !== undefined && this.type !== SOCK.DGRAM) peer.#noReading = true;
    }
    if (how !== SHUT.WR && peer !== undefined && this.type !== SOCK.DGRAM) peer.#noWriting = true;
    this.readiness.wakeAll();
    peer?.readiness.wakeAll();
    this.#wakeWriters();
    return 0;
  }

  localName(): Uint8Array {
    return this.#name;
  }

  peerName(): Uint8Array {
    if (this.#peer !== undefined) return this.#peer.#name;
    return this.#left ? UNNAMED : fail(E.ENOTCONN);
  }

  available(): number {
    if (this.#backlog !== undefined) fail(E.EINVAL);
    return this.streams ? this.#queue.bytes : this.#queue.nextBytes;
  }

  poll(events: number): number {
    const always = POLL.ERR | POLL.HUP;
    let level = this.#error === 0 ? 0 : POLL.ERR;
    if (this.#backlog !== undefined) {
      return (level | (this.#backlog.length > 0 ? POLL.IN : 0)) & (events | always);
    }
    if (this.#queue.length > 0) level |= POLL.IN;
    if (this.type === SOCK.DGRAM) {
      const peer = this.#peer;
      const full = peer !== undefined && peer.#queue.length >= MAX_QUEUED;
      if (full) peer.#writers.add(this);
      else level |= POLL.OUT;
      if (this.#noReading) level |= POLL.IN;
      return level & (events | always);
    }
    if (this.#left || this.#peer === undefined) level |= POLL.HUP;
    if (this.#noReading && this.#noWriting) level |= POLL.HUP;
    if (this.#left || this.#noReading) level |= POLL.IN | POLL.RDHUP;
    // It tells of room once a quarter of the buffer is free, so that a writer has something to do.
    if (this.#peer === undefined || this.#peer.#queue.bytes * 4 <= this.#options.sendBytes * 3) {
      level |= POLL.OUT;
    }
    return level & (events | always);
  }

  *release(): Coroutine<void> {
    this.#closed = true;
    if (this.#key !== undefined) this.names.release(this.#key, this);
    for (const waiting of this.#backlog?.splice(0) ?? []) yield* waiting.release();
    this.#backlog = undefined;
    const peer = this.#peer;
    if (peer !== undefined && peer.#peer === this && this.type !== SOCK.DGRAM) {
      if (this.#queue.length > 0) peer.#error = E.ECONNRESET;
      peer.#peer = undefined;
      peer.#left = true;
      peer.readiness.wakeAll();
    }
    this.#peer = undefined;
    this.#wakeWriters();
    for (const rights of this.#queue.clear()) yield* finish(releaseAll(rights));
  }

  protected setOwnOption(level: number, name: number, value: Uint8Array): number {
    this.#options.set(level, name, value);
    return 0;
  }

  protected ownOption(level: number, name: number): Uint8Array {
    if (level === SOL.SOCKET) {
      switch (name) {
        case SO.ERROR: {
          const error = this.#error;
          this.#error = 0;
          return intOption(error);
        }
        case SO.ACCEPTCONN:
          return intOption(this.listening ? 1 : 0);
        case SO.PEERCRED: {
          const { pid, uid, gid } = this.#peerOwner ?? { pid: 0, uid: -1, gid: -1 };
          return new Uint8Array(Int32Array.of(pid, uid, gid).buffer);
        }
      }
    }
    return this.#options.get(level, name);
  }
}
