// Sockets of the network slice: handles of its server, in this domain or in another. Their readiness is kept
// here, so that poll and epoll ask nobody (see network/protocol.ts).
import { type Coroutine, finish } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, Errno, fail } from "../../errno.ts";
import { MSG, SO, SOCK, SOL } from "../../network/constants.ts";
import { RECEIVE_HEADER_BYTES, SocketCall, splitLevel } from "../../network/protocol.ts";
import type { Credential, Service } from "../../service.ts";
import { POLL } from "../../vfs/constants.ts";
import { getInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { type Incoming, type Outgoing, roomOf, scatter, Socket } from "./socket.ts";

/** Bytes that one call to the server carries besides an address: the largest datagram fits. */
const MAX_DATA_BYTES = 65_536;
/** Payload that goes beside the data, at most. */
const BESIDE_BYTES = 168;
const MAX_ADDRESS_BYTES = 128;
/** Events that are asked for at a time. */
const MAX_EVENTS = 256;
const SIOCINQ = 0x541b;
const nothing = new Uint8Array(0);
const kernel: Credential = { uid: 0, gid: 0, groups: [] };

/** The client of the machine's socket server. */
export class InternetSockets {
  readonly #sockets = new Map<number, InternetSocket>();
  /** what is known of handles whose sockets are being made */
  readonly #early = new Map<number, number>();
  #listening = false;
  /** data that one call carries */
  readonly maxDataBytes: number;

  constructor(readonly environment: Environment, private readonly service: Service) {
    const most = service.maxPayloadBytes ?? Infinity;
    this.maxDataBytes = Math.min(MAX_DATA_BYTES, most - BESIDE_BYTES);
  }

  /** A call on the server; a negative status is thrown. */
  *call(
    number: number,
    args: number[],
    payload: Uint8Array = nothing,
    credential: Credential = kernel,
  ): Coroutine<number> {
    const status = yield* finish(this.service.call({ number, args, credential, payload }));
    return status < 0 ? fail(-status) : status;
  }

  /** A request about the interfaces of the machine, on whatever socket. */
  ioctl(request: number, argument: Uint8Array): Coroutine<number> {
    return this.call(SocketCall.IOCTL, [-1, request], argument);
  }

  *open(
    process: Process,
    family: number,
    type: number,
    protocol: number,
    flags: number,
  ): Coroutine<InternetSocket> {
    this.#listen();
    const args = [family, type, protocol];
    const handle = yield* this.call(SocketCall.SOCKET, args, nothing, process.credential);
    return this.made(
      new InternetSocket(this, handle, process.credential, family, type, protocol, flags),
    );
  }

  /** A socket that the server knows: its readiness is told from now on. */
  made(socket: InternetSocket): InternetSocket {
    this.#sockets.set(socket.handle, socket);
    const level = this.#early.get(socket.handle);
    if (level !== undefined) {
      this.#early.delete(socket.handle);
      socket.level = level;
    }
    return socket;
  }

  forget(handle: number): void {
    this.#sockets.delete(handle);
    this.#early.delete(handle);
  }

  /** Has the server tell of readiness for as long as the machine runs. */
  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.environment.tasks.spawn(this.#follow());
  }

  *#follow(): Coroutine<void> {
    const payload = new Uint8Array(MAX_EVENTS * 8);
    for (;;) {
      let bytes: number;
      try {
        bytes = yield* this.call(SocketCall.EVENTS, [], payload);
      } catch (failure) {
        if (!(failure instanceof Errno) || failure.errno !== E.ECONNRESET) throw failure;
        this.#lost();
        continue;
      }
      for (let at = 0; at + 8 <= bytes; at += 8) {
        const handle = getInt(payload, at), level = getInt(payload, at + 4);
        const socket = this.#sockets.get(handle);
        if (socket === undefined) this.#early.set(handle, level);
        else socket.became(level);
      }
    }
  }

  /** The server has died, and another is there: who was connected is so no longer, the rest goes on. */
  #lost(): void {
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    this.#early.clear();
    for (const socket of sockets) {
      this.environment.tasks.spawn(socket.restore(), (_value, failure) => {
        if (failure !== undefined && !(failure instanceof Errno)) throw failure;
        if (failure !== undefined) socket.lost();
      });
    }
  }
}

/** A call that made a socket what it is: made again on another server. */
interface Step {
  number: number;
  args: number[];
  payload: Uint8Array | undefined;
}

export class InternetSocket extends Socket {
  level = 0;
  #lost = false;
  #connecting = false;
  /** it has, or had, a connection: that no other server can go on with */
  #connected = false;
  /** options, address and backlog, as they were set */
  readonly #steps: Step[] = [];

  constructor(
    private readonly server: InternetSockets,
    public handle: number,
    private readonly credential: Credential,
    family: number,
    type: number,
    protocol: number,
    flags: number,
  ) {
    super(server.environment, family, type, protocol, flags);
  }

  /** The server says what it is ready for. */
  became(level: number): void {
    this.level = level;
    this.readiness.wakeAll();
  }

  /** Makes the socket again on a server that knows nothing of it. @throws Errno where that cannot be */
  *restore(): Coroutine<void> {
    if (this.#connected || this.#connecting) fail(E.ECONNRESET);
    const { server, credential, family, type, protocol } = this;
    const args = [family, type, protocol];
    this.handle = yield* server.call(SocketCall.SOCKET, args, undefined, credential);
    server.made(this);
    for (const { number, args, payload } of this.#steps) {
      yield* server.call(number, [this.handle, ...args], payload?.slice(), credential);
    }
  }

  /** A call that is made again where the socket is. */
  *#step(number: number, args: number[], payload?: Uint8Array): Coroutine<number> {
    const kept = payload?.slice();
    const status = yield* this.#call(number, args, payload);
    this.#steps.push({ number, args, payload: kept });
    return status;
  }

  lost(): void {
    this.#lost = true;
    this.became(POLL.IN | POLL.OUT | POLL.ERR | POLL.HUP);
  }

  #call(number: number, args: number[], payload?: Uint8Array): Coroutine<number> {
    if (this.#lost) fail(E.ECONNRESET);
    return this.server.call(number, [this.handle, ...args], payload, this.credential);
  }

  bind(_process: Process, address: Uint8Array): Coroutine<number> {
    return this.#step(SocketCall.BIND, [], address);
  }

  *connect(_process: Process, address: Uint8Array): Coroutine<number> {
    if (this.#connecting && this.mayWait(0)) return yield* this.#finishConnecting();
    try {
      const status = yield* this.#call(SocketCall.CONNECT, [], address);
      this.level = 0;
      this.#connected = true;
      return status;
    } catch (failure) {
      if (!(failure instanceof Errno) || failure.errno !== E.EINPROGRESS) throw failure;
      this.level = 0;
      this.#connecting = true;
      if (!this.mayWait(0)) throw failure;
    }
    return yield* this.#finishConnecting();
  }

  *#finishConnecting(): Coroutine<number> {
    yield* this.whenSendable(0, () => (this.level & (POLL.OUT | POLL.ERR | POLL.HUP)) || undefined);
    this.#connecting = false;
    const error = getInt(yield* finish(this.ownOption(SOL.SOCKET, SO.ERROR)), 0);
    this.#connected = error === 0;
    return error === 0 ? 0 : fail(error);
  }

  *listen(_process: Process, backlog: number): Coroutine<number> {
    const status = yield* this.#step(SocketCall.LISTEN, [backlog]);
    this.level = 0;
    return status;
  }

  *accept(flags: number): Coroutine<{ socket: Socket; address: Uint8Array }> {
    const payload = new Uint8Array(8 + MAX_ADDRESS_BYTES);
    const { server, credential, family, type, protocol } = this;
    const handle = yield* this.whenReceivable(
      0,
      () => this.#attempt(POLL.IN, SocketCall.ACCEPT, [], payload),
    );
    const socket = new InternetSocket(
      server,
      handle,
      credential,
      family,
      type,
      protocol,
      flags & SOCK.NONBLOCK,
    );
    socket.#connected = true;
    return { socket: server.made(socket), address: addressAt(payload, 4) };
  }

  /** A call that the server answers with EAGAIN where a bit of the level is not set. */
  *#attempt(
    bit: number,
    number: number,
    args: number[],
    payload: Uint8Array,
  ): Coroutine<number | undefined> {
    try {
      return yield* this.#call(number, args, payload);
    } catch (failure) {
      if (!(failure instanceof Errno) || failure.errno !== E.EAGAIN) throw failure;
      this.level &= ~bit;
      return undefined;
    }
  }

  /** As `#attempt`, of a call whose answer carries the level. @returns its count */
  *#transfer(
    bit: number,
    number: number,
    args: number[],
    payload: Uint8Array,
  ): Coroutine<number | undefined> {
    const status = yield* this.#attempt(bit, number, args, payload);
    if (status === undefined) return undefined;
    const { level, count } = splitLevel(status);
    this.level = level;
    return count;
  }

  *send(message: Outgoing, flags: number): Coroutine<number> {
    if (message.rights.length > 0) fail(E.EINVAL);
    const { data, address = nothing } = message;
    const passed = flags & (MSG.OOB | MSG.MORE);
    let sent = 0;
    do {
      const part = data.subarray(sent, sent + this.server.maxDataBytes);
      if (!this.streams && part.length < data.length) fail(E.EMSGSIZE);
      let payload = part;
      if (address.length > 0) {
        payload = new Uint8Array(address.length + part.length);
        payload.set(address);
        payload.set(part, address.length);
      }
      const args = [passed, address.length];
      const transfer = () => this.#transfer(POLL.OUT, SocketCall.SENDTO, args, payload);
      if (sent > 0 && !this.mayWait(flags)) {
        sent += (yield* transfer()) ?? 0;
        break;
      }
      sent += yield* this.whenSendable(flags, transfer);
    } while (sent < data.length && this.streams);
    return sent;
  }

  *receive(message: Incoming, flags: number): Coroutine<number> {
    const room = roomOf(message);
    const payload = new Uint8Array(RECEIVE_HEADER_BYTES + Math.min(room, this.server.maxDataBytes));
    const args = [flags & (MSG.PEEK | MSG.TRUNC | MSG.OOB), 1];
    let done = 0;
    do {
      const part = done === 0 ? payload : payload.subarray(
        0,
        RECEIVE_HEADER_BYTES + Math.min(room - done, this.server.maxDataBytes),
      );
      const got = yield* this.whenReceivable(
        flags,
        () => this.#transfer(POLL.IN, SocketCall.RECVFROM, args, part),
      );
      const count = got - RECEIVE_HEADER_BYTES;
      scatter(part.subarray(RECEIVE_HEADER_BYTES, got), message.parts, done);
      done += count;
      message.flags |= getInt(payload, 0);
      if (!this.streams) {
        message.address = payload.slice(12, 12 + Math.min(getInt(payload, 4), 28));
        return (flags & MSG.TRUNC) !== 0 ? getInt(payload, 8) : done;
      }
      if (count === 0) break;
    } while (done < room && (flags & (MSG.WAITALL | MSG.PEEK)) === MSG.WAITALL);
    return done;
  }

  shutdown(how: number): Coroutine<number> {
    return this.#call(SocketCall.SHUTDOWN, [how]);
  }

  *localName(): Coroutine<Uint8Array> {
    const payload = new Uint8Array(4 + MAX_ADDRESS_BYTES);
    yield* this.#call(SocketCall.GETSOCKNAME, [], payload);
    return addressAt(payload, 0);
  }

  *peerName(): Coroutine<Uint8Array> {
    const payload = new Uint8Array(4 + MAX_ADDRESS_BYTES);
    yield* this.#call(SocketCall.GETPEERNAME, [], payload);
    return addressAt(payload, 0);
  }

  protected setOwnOption(level: number, name: number, value: Uint8Array): Coroutine<number> {
    return this.#step(SocketCall.SETSOCKOPT, [level, name], value);
  }

  protected *ownOption(level: number, name: number): Coroutine<Uint8Array> {
    const payload = new Uint8Array(256);
    const count = yield* this.#call(SocketCall.GETSOCKOPT, [level, name], payload);
    if (level === SOL.SOCKET && name === SO.ERROR) this.level &= ~POLL.ERR;
    return payload.slice(0, count);
  }

  /** ioctl(2) on the interfaces of the machine, and SIOCINQ. */
  ioctl(request: number, argument: Uint8Array): Coroutine<number> {
    return this.#call(SocketCall.IOCTL, [request], argument);
  }

  *available(): Coroutine<number> {
    const bytes = new Uint8Array(4);
    yield* this.ioctl(SIOCINQ, bytes);
    return getInt(bytes, 0);
  }

  poll(events: number): number {
    return this.level & (events | POLL.ERR | POLL.HUP);
  }

  *release(): Coroutine<void> {
    this.server.forget(this.handle);
    if (!this.#lost) yield* this.#call(SocketCall.CLOSE, []);
  }
}

/** A sockaddr behind a word with its length. */
function addressAt(payload: Uint8Array, at: number): Uint8Array {
  return payload.slice(at + 4, at + 4 + Math.min(getInt(payload, at), MAX_ADDRESS_BYTES));
}
