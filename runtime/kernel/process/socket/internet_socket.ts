// Sockets of the network slice: handles of its server, in this domain or in another. Their readiness is kept
// here, so that poll and epoll ask nobody (see network/protocol.ts). When the server dies, a socket without a
// connection is made again on the next one, as it was; one with a connection is reset.
import { type Blocking, type Coroutine, finish, WaitQueue } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { familyOf } from "../../network/address.ts";
import { AF, MSG, SHUT, SO, SOCK, SOL } from "../../network/constants.ts";
import {
  AcceptedAt,
  ENDED,
  RECEIVE_HEADER_BYTES,
  SERVER_LOST,
  SocketCall,
  splitLevel,
} from "../../network/protocol.ts";
import type { Credential } from "../../service.ts";
import { POLL } from "../../vfs/constants.ts";
import { NS_PER_SECOND } from "../clock.ts";
import { getInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { type InternetSockets, isStale, type ServedSocket } from "./internet_sockets.ts";
import { ReceivedAhead } from "./received_ahead.ts";
import { SendBehind } from "./send_behind.ts";
import { type Incoming, intOption, type Outgoing, roomOf, scatter, Socket } from "./socket.ts";

const MAX_ADDRESS_BYTES = 128;
const SIOCINQ = 0x541b;
/** A third of the buffer that a stream has (network/limits.ts) is more. */
const BEHIND_BYTES = 64 << 10;
const nothing = new Uint8Array(0);

/** A call that made a socket what it is: made again on another server. */
interface Step {
  number: number;
  args: number[];
  payload: Uint8Array | undefined;
}

export class InternetSocket extends Socket implements ServedSocket {
  level = 0;
  #handle: number;
  /** of a connection that is being made anew, until that is known to go on */
  #becoming: number | undefined;
  #lost = false;
  #lingers = false;
  #released = false;
  #connecting = false;
  /** it has, or had, a connection: that no other server can go on with */
  #connected = false;
  /** options, address and backlog, as they were set */
  readonly #steps: Step[] = [];
  /** woken when the handle is another one, or none any more */
  readonly #moved = new WaitQueue();
  /** how often its server has died: should one die while it comes back, all starts anew */
  #turns = 0;
  /** how often it was claimed from another server, under the handle that it had */
  #claims = 0;
  readonly #ahead = new ReceivedAhead();
  /** bytes of the stream that servers said they took */
  #put = 0;
  /** bytes that a server took of a call, and died before it said so */
  #untold = 0;
  readonly #behind: SendBehind;
  /** its buffers are as large as the program wanted: there may be little room where there is some */
  #ownBuffers = false;
  /** its program has set SO_LINGER */
  #mayLinger = false;
  #noWriting = false;
  #noReading = false;
  #listens = false;
  /** its program has set SO_RCVLOWAT: there may be something to read that its level knows nothing of */
  #together = false;
  /** that the connection was made was told here: the server's answer to the next attempt would be another */
  #madeHere = false;
  /** its own address, where it was told when the connection was accepted */
  #local: Uint8Array | undefined;
  /** where a connection is being made to */
  #destination: Uint8Array | undefined;

  private constructor(
    private readonly server: InternetSockets,
    handle: number,
    private readonly credential: Credential,
    family: number,
    type: number,
    protocol: number,
    flags: number,
  ) {
    super(server.environment, family, type, protocol, flags);
    this.#handle = handle;
    this.#behind = new SendBehind(server.environment.tasks);
  }

  /** socket(2). @param flags SOCK_NONBLOCK, or none */
  static *open(
    server: InternetSockets,
    credential: Credential,
    family: number,
    type: number,
    protocol: number,
    flags: number,
  ): Coroutine<InternetSocket> {
    const { handle, generation } = yield* server.open(family, type, protocol, credential);
    const socket = new InternetSocket(server, handle, credential, family, type, protocol, flags);
    server.made(socket, handle, generation);
    return socket;
  }

  became(level: number, data: Uint8Array = nothing): void {
    this.level = level;
    if (data.length > 0) this.#ahead.add(data);
    this.readiness.wakeAll();
  }

  get later(): boolean {
    return this.streams && (this.#connected || this.#destination !== undefined);
  }

  serverLost(): void {
    if (this.#lingers) return this.#end();
    if (this.#connected && !this.streams) return this.#end();
    const { server } = this, turn = ++this.#turns;
    const work = this.later ? this.#claim(turn) : server.first(this.#restore(turn));
    server.comeBack(work, () => this.#end());
  }

  /** Goes on with its connection on a server that has it, too; makes it again where it was being made. */
  *#claim(turn: number): Coroutine<void> {
    const { server, credential } = this, handle = this.#becoming ?? this.#handle;
    yield* server.afterFirst();
    if (turn !== this.#turns) return;
    const payload = new Uint8Array(8);
    const args = [handle, ...this.#told()];
    const level = yield* server.status(SocketCall.CLAIM, args, payload, credential);
    if (level === SERVER_LOST || turn !== this.#turns) return;
    if (level < 0) return this.#connected ? this.#end() : yield* this.#restore(turn);
    for (const step of this.#steps) {
      if (step.number !== SocketCall.SETSOCKOPT) continue;
      const value = step.payload?.slice();
      yield* server.status(step.number, [handle, ...step.args], value, credential);
    }
    if (turn !== this.#turns) return;
    this.#untold = new DataView(payload.buffer).getFloat64(0, true) - this.#put;
    this.#handle = handle;
    this.#becoming = undefined;
    this.#claims++;
    this.became(level);
    // What has happened since is told here.
    server.made(this, handle, server.generation);
    this.#moved.wakeAll();
  }

  /** Makes the socket again, on a server that knows nothing of it. @throws Errno where that cannot be */
  *#restore(turn: number): Coroutine<void> {
    const { server, credential, family, type, protocol } = this;
    if (this.later) yield* server.afterFirst();
    if (turn !== this.#turns) return;
    const { handle } = yield* server.open(family, type, protocol, credential);
    if (turn !== this.#turns) {
      yield* server.close(handle);
      return;
    }
    this.level = 0;
    server.made(this, handle, server.generation);
    for (const { number, args, payload } of this.#steps) {
      const status = yield* server.status(number, [handle, ...args], payload?.slice(), credential);
      if (status === SERVER_LOST || turn !== this.#turns) return;
      if (status < 0) fail(-status);
    }
    if (this.#connecting && this.#destination !== undefined) {
      const args = [handle], address = this.#destination.slice();
      // The next server is asked for this connection, should it come about.
      this.#becoming = handle;
      const status = yield* server.status(SocketCall.CONNECT, args, address, credential);
      if (status === SERVER_LOST || turn !== this.#turns) return;
      if (status < 0 && status !== -E.EINPROGRESS) fail(-status);
      // What was told before is of a socket that had no connection.
      this.level = 0;
    }
    this.#handle = handle;
    this.#becoming = undefined;
    this.#moved.wakeAll();
    if (this.#released) yield* this.#close(false);
  }

  /** Nothing is to be had from this socket any more. */
  #end(): void {
    this.#lost = true;
    this.server.forget(this, this.#handle);
    this.#moved.wakeAll();
    this.became(POLL.IN | POLL.OUT | POLL.ERR | POLL.HUP);
  }

  /** What calls tell the server of a stream: bytes that have come, and of them those that nobody has read. */
  #told(): [arrived: number, unread: number] {
    return [this.#ahead.arrived, this.#ahead.length];
  }

  /** A call that is made again where the socket is. */
  *#step(number: number, args: number[], payload?: Uint8Array): Coroutine<number> {
    const kept = payload?.slice();
    const status = yield* this.#call(number, args, payload);
    this.#steps.push({ number, args, payload: kept });
    return status;
  }

  /** A call on the server that has this socket, once there is one. */
  *#call(number: number, args: number[], payload?: Uint8Array): Coroutine<number> {
    for (;;) {
      if (this.#lost) fail(E.ECONNRESET);
      const handle = this.#handle, claims = this.#claims;
      const status = yield* this.server.status(
        number,
        [handle, ...args],
        payload,
        this.credential,
      );
      if (status >= 0) return status;
      if (!isStale(status)) return fail(-status);
      while (handle === this.#handle && claims === this.#claims && !this.#lost) yield this.#moved;
      if (number !== SocketCall.SENDTO || this.#untold <= 0) continue;
      const taken = this.#untold;
      this.#untold = 0;
      return this.level * 2 ** 32 + taken;
    }
  }

  bind(_process: Process, address: Uint8Array): Coroutine<number> {
    return this.#step(SocketCall.BIND, [], address);
  }

  *connect(_process: Process, address: Uint8Array): Coroutine<number> {
    if (!this.streams) return yield* this.#step(SocketCall.CONNECT, [], address);
    // A connection that is given up has nothing to be read any more.
    if (familyOf(address) === AF.UNSPEC) this.#ahead.drop();
    else if (this.#madeHere) fail(E.EISCONN);
    else if (this.#connecting && !this.mayWait(0) && this.#isWritable) {
      this.#connecting = false;
      this.#connected = this.#madeHere = true;
      return 0;
    }
    this.#madeHere = false;
    this.#destination = address.slice();
    if (this.#connecting && this.mayWait(0)) return yield* this.#finishConnecting();
    const claims = this.#claims;
    try {
      const status = yield* this.#call(SocketCall.CONNECT, [], address);
      this.level = 0;
      this.#connected = true;
      return status;
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      // The server that died had connected it.
      const repeated = claims !== this.#claims && failure.errno === E.EISCONN;
      if (repeated) this.#connected = true;
      if (repeated) return 0;
      if (failure.errno !== E.EINPROGRESS) throw failure;
      this.level = 0;
      this.#connecting = true;
      if (!this.mayWait(0)) throw failure;
    }
    return yield* this.#finishConnecting();
  }

  /** Whether the connection came about, and takes data, as far as is known. */
  get #isWritable(): boolean {
    return (this.level & (POLL.OUT | POLL.ERR | POLL.HUP)) === POLL.OUT;
  }

  *#finishConnecting(): Coroutine<number> {
    for (;;) {
      const attempt = () => (this.level & (POLL.OUT | POLL.ERR | POLL.HUP)) || undefined;
      yield* this.whenSendable(0, attempt);
      const turns = this.#turns;
      const error = getInt(yield* finish(this.ownOption(SOL.SOCKET, SO.ERROR)), 0);
      // Another server has answered than the one that told.
      if (turns !== this.#turns) continue;
      this.#connecting = false;
      this.#connected = error === 0;
      return error === 0 ? 0 : fail(error);
    }
  }

  *listen(_process: Process, backlog: number): Coroutine<number> {
    const status = yield* this.#step(SocketCall.LISTEN, [backlog]);
    this.level = 0;
    this.#listens = true;
    return status;
  }

  *accept(flags: number): Coroutine<{ socket: Socket; address: Uint8Array }> {
    const payload = new Uint8Array(AcceptedAt.bytes);
    const { server, credential, family, type, protocol } = this;
    const handle = yield* this.whenReceivable(
      0,
      () => this.#acceptNow(payload),
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
    socket.#ownBuffers = this.#ownBuffers;
    socket.#mayLinger = this.#mayLinger;
    socket.#together = this.#together;
    socket.#local = addressAt(payload, AcceptedAt.local);
    socket.level = getInt(payload, AcceptedAt.level) & ~POLL.IN;
    server.made(socket, handle, server.generation);
    return { socket, address: addressAt(payload, AcceptedAt.peer) };
  }

  /** Asks for a connection where there is one, as far as is known: of each that comes there is news. */
  *#acceptNow(payload: Uint8Array): Coroutine<number | undefined> {
    if (this.#listens && (this.level & (POLL.IN | POLL.ERR | POLL.HUP)) === 0) return undefined;
    // Of several who were told of one connection, the first has it, and no other needs ask.
    let more = this.level & POLL.IN;
    this.level &= ~POLL.IN;
    try {
      const handle = yield* this.#attempt(POLL.IN, SocketCall.ACCEPT, [], payload);
      more = handle === undefined ? 0 : getInt(payload, AcceptedAt.listener) & POLL.IN;
      return handle;
    } finally {
      if (more !== 0) this.became(this.level | more);
    }
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
    this.#behind.throwToSender();
    if (this.#mayGoOn(data.length, passed)) {
      const kept = data.slice();
      this.#behind.begin(() => this.#sendAll(kept, passed));
      this.#behind.throwToSender();
      return data.length;
    }
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
      const args = [passed, address.length, ...this.#told()];
      const transfer = () => this.#sendPart(args, payload);
      if (sent > 0 && !this.mayWait(flags)) {
        sent += (yield* transfer()) ?? 0;
        break;
      }
      sent += yield* this.whenSendable(flags, transfer);
    } while (sent < data.length && this.streams);
    return sent;
  }

  /** Whether the server will take so many bytes: a stream that is writable has a third of its buffer free. */
  #mayGoOn(bytes: number, flags: number): boolean {
    return this.streams && this.#connected && !this.#behind.busy && !this.#noWriting &&
      !this.#ownBuffers && bytes > 0 && bytes <= BEHIND_BYTES && (flags & MSG.OOB) === 0 &&
      this.#isWritable;
  }

  /** Sends what the program thinks has been sent. Should there be less room after all, on another server, it waits. */
  *#sendAll(data: Uint8Array, flags: number): Coroutine<void> {
    for (let sent = 0; sent < data.length;) {
      const count = yield* this.#sendCounted([flags, 0, ...this.#told()], data.subarray(sent));
      if (count === undefined) yield this.readiness;
      else sent += count;
    }
  }

  /** One call that sends. */
  #sendPart(args: number[], payload: Uint8Array): Coroutine<number | undefined> {
    if (!this.streams) return this.#transfer(POLL.OUT, SocketCall.SENDTO, args, payload);
    return this.#behind.inTurn(() => this.#sendCounted(args, payload));
  }

  /** One call that sends bytes of a stream, which are counted. */
  *#sendCounted(args: number[], payload: Uint8Array): Coroutine<number | undefined> {
    // Who sent it does not wait for its answer any more.
    this.#put += this.#untold;
    this.#untold = 0;
    const count = yield* this.#transfer(POLL.OUT, SocketCall.SENDTO, args, payload);
    this.#put += count ?? 0;
    return count;
  }

  receive(message: Incoming, flags: number): Coroutine<number> {
    this.#behind.throwToReceiver();
    return this.streams
      ? this.#receiveStream(message, flags)
      : this.#receiveDatagram(message, flags);
  }

  *#receiveDatagram(message: Incoming, flags: number): Coroutine<number> {
    const bytes = Math.min(roomOf(message), this.server.maxDataBytes);
    const payload = new Uint8Array(RECEIVE_HEADER_BYTES + bytes);
    const passed = flags & (MSG.PEEK | MSG.TRUNC | MSG.OOB);
    const got = yield* this.whenReceivable(
      flags,
      () => this.#transfer(POLL.IN, SocketCall.RECVFROM, [passed], payload),
    );
    message.flags |= getInt(payload, 0);
    message.address = payload.slice(12, 12 + Math.min(getInt(payload, 4), 28));
    const done = scatter(payload.subarray(RECEIVE_HEADER_BYTES, got), message.parts, 0);
    return (flags & MSG.TRUNC) !== 0 ? getInt(payload, 8) : done;
  }

  *#receiveStream(message: Incoming, flags: number): Coroutine<number> {
    const room = roomOf(message);
    const goesOn = (flags & (MSG.WAITALL | MSG.PEEK)) === MSG.WAITALL;
    for (let done = 0;;) {
      const attempt = () => this.#receivePart(message, done, room - done, flags);
      try {
        const count = yield* this.whenReceivable(flags, attempt);
        done += count;
        if (count === 0 || done >= room || !goesOn) return done;
      } catch (failure) {
        // What was received is told; the failure will be there the next time.
        if (failure instanceof Errno && done > 0) return done;
        throw failure;
      }
    }
  }

  /** Reads what is here, or else what the server has. @returns bytes; undefined where there are none yet */
  *#receivePart(
    message: Incoming,
    skip: number,
    room: number,
    flags: number,
  ): Coroutine<number | undefined> {
    const ahead = this.#ahead, peeks = (flags & MSG.PEEK) !== 0;
    const ended = !this.#noReading && (this.level & (ENDED | POLL.ERR)) === ENDED;
    if (ahead.length === 0 && room > 0 && (flags & MSG.OOB) === 0) {
      if (ended) return 0;
      if (this.#isQuiet) return undefined;
    }
    // Who wants more than is here has the rest come, too: he was told of it, and may not be told again.
    const missing = room - ahead.length;
    const fetches = ahead.length === 0 || (flags & MSG.OOB) !== 0 ||
      missing > 0 && !ended && (this.level & (POLL.IN | POLL.ERR | POLL.HUP)) === POLL.IN;
    if (!fetches) return ahead.read(message.parts, skip, !peeks);
    const adds = ahead.length > 0;
    const bytes = Math.max(0, Math.min(missing, this.server.maxDataBytes));
    const payload = new Uint8Array(RECEIVE_HEADER_BYTES + bytes);
    const args = [flags & (MSG.OOB | (adds ? 0 : MSG.PEEK)), ...this.#told()];
    let got: number | undefined;
    try {
      got = yield* this.#transfer(POLL.IN, SocketCall.RECVFROM, args, payload);
    } catch (failure) {
      if (!(failure instanceof Errno) || !adds) throw failure;
      // What is here was received before that.
      this.#behind.fail(failure);
    }
    if (got === undefined || adds) {
      if (got !== undefined) ahead.add(payload.subarray(RECEIVE_HEADER_BYTES, got));
      return ahead.length > 0 ? ahead.read(message.parts, skip, !peeks) : undefined;
    }
    const data = payload.subarray(RECEIVE_HEADER_BYTES, got);
    if (!peeks) ahead.passed(data.length);
    message.flags |= getInt(payload, 0);
    return scatter(data, message.parts, skip);
  }

  /** Whether there is nothing to read, as far as is known: of what comes there is news. */
  get #isQuiet(): boolean {
    return this.#connected && !this.#together &&
      (this.level & (POLL.IN | POLL.RDHUP | POLL.ERR | POLL.HUP)) === 0;
  }

  *shutdown(how: number): Coroutine<number> {
    if (how !== SHUT.WR) this.#noReading = true;
    if (how !== SHUT.RD) this.#noWriting = true;
    if (how === SHUT.WR && this.streams && this.#connected && this.#isWritable) {
      // What goes wrong with it has happened to the connection, and is told of that.
      this.#behind.begin(() => this.#shutDown(how), () => {});
      return 0;
    }
    yield* this.#behind.settled();
    return yield* this.#shutDown(how);
  }

  *#shutDown(how: number): Coroutine<number> {
    const claims = this.#claims;
    try {
      return yield* this.#call(SocketCall.SHUTDOWN, [how]);
    } catch (failure) {
      // A server that died had done it already, and the peer has gone since.
      const repeated = claims !== this.#claims && failure instanceof Errno &&
        failure.errno === E.ENOTCONN;
      if (repeated) return 0;
      throw failure;
    }
  }

  *localName(): Coroutine<Uint8Array> {
    if (this.#local !== undefined) return this.#local.slice();
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
    const sendBuffer = name === SO.SNDBUF || name === SO.SNDBUFFORCE;
    if (level === SOL.SOCKET && sendBuffer) this.#ownBuffers = true;
    if (level === SOL.SOCKET && name === SO.LINGER) this.#mayLinger = true;
    if (level === SOL.SOCKET && name === SO.RCVLOWAT) this.#together = true;
    return this.#step(SocketCall.SETSOCKOPT, [level, name], value);
  }

  protected *ownOption(level: number, name: number): Coroutine<Uint8Array> {
    if (level === SOL.SOCKET && name === SO.ERROR) {
      const failure = this.#behind.takeFailure();
      if (failure !== undefined) return intOption(failure.errno);
      if (this.streams && (this.#connected || this.#connecting) && this.#isWritable) {
        return intOption(0);
      }
    }
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
    return getInt(bytes, 0) + this.#ahead.length;
  }

  poll(events: number): number {
    const here = this.#ahead.length > 0 ? POLL.IN : 0;
    return (this.level | here) & (events & ~ENDED | POLL.ERR | POLL.HUP);
  }

  /** Nobody has a connection's port beside it, nor waits for its end where SO_LINGER does not say so. */
  release(waits = false): Blocking<void> {
    const goesOn = this.streams && this.#connected && !(waits && this.#mayLinger);
    return goesOn ? this.server.behind(this.#close(false)) : this.#close(waits);
  }

  *#close(waits: boolean): Coroutine<void> {
    yield* this.#behind.settled();
    const { server } = this, handle = this.#handle;
    this.#released = true;
    server.forget(this, handle);
    // A server that died, or has no such socket any more, needs not be told.
    if (this.#lost) return;
    const seconds = yield* server.close(handle, waits, ...this.#told());
    // What was told of it on the way does not concern anybody.
    server.forget(this, handle);
    if (seconds > 0) yield* this.#linger(handle, seconds);
  }

  /** Waits until the peer has everything: at most so many seconds, and until a signal comes (SO_LINGER). */
  *#linger(handle: number, seconds: number): Coroutine<void> {
    const { server, environment: { tasks, nowNs } } = this;
    this.level = 0;
    this.#lingers = true;
    server.made(this, handle, server.generation);
    const deadline = nowNs() + seconds * NS_PER_SECOND;
    const cancel = tasks.wakeAt(deadline, this.readiness);
    try {
      while ((this.level & POLL.HUP) === 0 && nowNs() < deadline) yield this.readiness;
    } catch (failure) {
      // The socket is closed all the same, and the signal is delivered.
      if (!(failure instanceof Errno)) throw failure;
    } finally {
      cancel();
    }
    server.forget(this, handle);
    yield* server.close(handle);
    server.forget(this, handle);
  }
}

/** A sockaddr behind a word with its length. */
function addressAt(payload: Uint8Array, at: number): Uint8Array {
  return payload.slice(at + 4, at + 4 + Math.min(getInt(payload, at), MAX_ADDRESS_BYTES));
}
