// Sockets as descriptors refer to them (socket(7)): what those of all families have in common, and the
// waiting of calls that find nothing to do.
import { type Blocking, type Coroutine, finish, WaitQueue } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import { MSG, SO, SOCK, SOL } from "../../network/constants.ts";
import { O } from "../../vfs/constants.ts";
import { NS_PER_SECOND } from "../time/clock.ts";
import type { Description } from "../file/description.ts";
import { getLong, putInt, putLong } from "../little_endian.ts";
import type { Process } from "../process.ts";

/** Who sent something: `struct ucred`. */
export interface Sender {
  pid: number;
  uid: number;
  gid: number;
}

/** What a send call sends. */
export interface Outgoing {
  data: Uint8Array;
  /** a sockaddr; undefined for whom the socket is connected to */
  address?: Uint8Array;
  /** open files that go along (SCM_RIGHTS): a use of each is the message's */
  rights: Description[];
  sender: Sender;
  /** control messages for the network: of the levels of IP */
  control?: Uint8Array;
  /** who looks up the address; undefined for a plain write */
  process?: Process;
}

/** Where a receive call puts what it gets. */
export interface Incoming {
  parts: Uint8Array[];
  /** bytes for control messages */
  controlRoom: number;
  /** set by the call: */
  address?: Uint8Array;
  flags: number;
  /** a use of each is the receiver's */
  rights: Description[];
  sender?: Sender;
  /** control messages of the network */
  control?: Uint8Array;
}

/** A message to be received. */
export function incoming(parts: Uint8Array[], controlRoom = 0): Incoming {
  return { parts, controlRoom, flags: 0, rights: [] };
}

/** Bytes that a message has room for. */
export function roomOf({ parts }: Incoming): number {
  return parts.length === 1 ? parts[0].length : parts.reduce((sum, part) => sum + part.length, 0);
}

/** Writes bytes into the pieces of a message, after `skip` bytes. @returns how many fit */
export function scatter(bytes: Uint8Array, parts: Uint8Array[], skip: number): number {
  let done = 0;
  for (const part of parts) {
    if (skip >= part.length) {
      skip -= part.length;
      continue;
    }
    const count = Math.min(part.length - skip, bytes.length - done);
    part.set(count === bytes.length ? bytes : bytes.subarray(done, done + count), skip);
    skip = 0;
    done += count;
    if (done === bytes.length) break;
  }
  return done;
}

const TIMEVAL_BYTES = 16;

export function intOption(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putInt(bytes, 0, value);
  return bytes;
}

export abstract class Socket implements Description {
  uses = 1;
  flags: number;
  readonly readiness = new WaitQueue(true);
  #receiveTimeoutNs = Infinity;
  #sendTimeoutNs = Infinity;

  /** @param flags SOCK_NONBLOCK, or none */
  constructor(
    protected readonly environment: Environment,
    readonly family: number,
    readonly type: number,
    readonly protocol: number,
    flags: number,
  ) {
    this.flags = O.RDWR | flags & SOCK.NONBLOCK;
  }

  abstract bind(process: Process, address: Uint8Array): Blocking<number>;
  abstract connect(process: Process, address: Uint8Array): Blocking<number>;
  abstract listen(process: Process, backlog: number): Blocking<number>;
  /** Waits for a connection. @param flags SOCK_NONBLOCK of the new socket */
  abstract accept(flags: number): Blocking<{ socket: Socket; address: Uint8Array }>;
  abstract send(message: Outgoing, flags: number): Blocking<number>;
  abstract receive(message: Incoming, flags: number): Blocking<number>;
  abstract shutdown(how: number): Blocking<number>;
  abstract localName(): Blocking<Uint8Array>;
  abstract peerName(): Blocking<Uint8Array>;
  abstract poll(events: number): number;
  abstract release(waits?: boolean): Blocking<void>;
  /** bytes that wait to be read */
  abstract available(): Blocking<number>;
  /** Options that not all families have in common. */
  protected abstract setOwnOption(level: number, name: number, value: Uint8Array): Blocking<number>;
  protected abstract ownOption(level: number, name: number): Blocking<Uint8Array>;

  read(into: Uint8Array): Blocking<number> {
    return into.length === 0 ? 0 : this.receive(incoming([into]), 0);
  }

  write(data: Uint8Array, writer?: Process): Blocking<number> {
    const sender = writer === undefined ? nobody : senderOf(writer);
    return this.send({ data, rights: [], sender }, 0);
  }

  setOption(level: number, name: number, value: Uint8Array): Blocking<number> {
    if (level === SOL.SOCKET && (name === SO.RCVTIMEO || name === SO.SNDTIMEO)) {
      if (value.length < TIMEVAL_BYTES) fail(E.EINVAL);
      const ns = getLong(value, 0) * NS_PER_SECOND + getLong(value, 8) * 1000;
      if (name === SO.RCVTIMEO) this.#receiveTimeoutNs = ns === 0 ? Infinity : ns;
      else this.#sendTimeoutNs = ns === 0 ? Infinity : ns;
      return 0;
    }
    return this.setOwnOption(level, name, value);
  }

  option(level: number, name: number): Blocking<Uint8Array> {
    if (level === SOL.SOCKET) {
      switch (name) {
        case SO.TYPE:
          return intOption(this.type);
        case SO.DOMAIN:
          return intOption(this.family);
        case SO.PROTOCOL:
          return intOption(this.protocol);
        case SO.RCVTIMEO:
          return timeval(this.#receiveTimeoutNs);
        case SO.SNDTIMEO:
          return timeval(this.#sendTimeoutNs);
      }
    }
    return this.ownOption(level, name);
  }

  get streams(): boolean {
    return this.type === SOCK.STREAM;
  }

  protected mayWait(flags: number): boolean {
    return (this.flags & O.NONBLOCK) === 0 && (flags & MSG.DONTWAIT) === 0;
  }

  /** Tries until there is something to do, as long as SO_RCVTIMEO says. @param flags MSG_DONTWAIT */
  protected whenReceivable<T>(
    flags: number,
    attempt: () => Blocking<T | undefined>,
  ): Coroutine<T> {
    return this.#repeat(this.mayWait(flags), this.#receiveTimeoutNs, attempt);
  }

  /** Tries until there is room, as long as SO_SNDTIMEO says. */
  protected whenSendable<T>(flags: number, attempt: () => Blocking<T | undefined>): Coroutine<T> {
    return this.#repeat(this.mayWait(flags), this.#sendTimeoutNs, attempt);
  }

  *#repeat<T>(
    waits: boolean,
    timeoutNs: number,
    attempt: () => Blocking<T | undefined>,
  ): Coroutine<T> {
    const { tasks, nowNs } = this.environment;
    let deadline = Infinity;
    let cancel: (() => void) | undefined;
    try {
      for (;;) {
        const done = yield* finish(attempt());
        if (done !== undefined) return done;
        if (!waits) return fail(E.EAGAIN);
        if (timeoutNs !== Infinity) {
          if (cancel === undefined) {
            deadline = nowNs() + timeoutNs;
            cancel = tasks.wakeAt(deadline, this.readiness);
          } else if (nowNs() >= deadline) return fail(E.EAGAIN);
        }
        yield this.readiness;
      }
    } finally {
      cancel?.();
    }
  }
}

const nobody: Sender = { pid: 0, uid: 65534, gid: 65534 };

/** Who a process is to those it sends to. */
export function senderOf(process: Process): Sender {
  const { ruid, rgid } = process.identity;
  return { pid: process.pid, uid: ruid, gid: rgid };
}

function timeval(ns: number): Uint8Array {
  const bytes = new Uint8Array(TIMEVAL_BYTES);
  if (ns === Infinity) return bytes;
  putLong(bytes, 0, Math.floor(ns / NS_PER_SECOND));
  putLong(bytes, 8, Math.floor(ns % NS_PER_SECOND / 1000));
  return bytes;
}
