// Sockets of the network slice as system calls see them: calls on handles of its server (served_handle.ts), in this
// domain or in another. What they are ready for is known here, so that poll and epoll ask nobody.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { MSG, SHUT, SO, SOCK, SOL } from "../../network/constants.ts";
import {
  AcceptedAhead,
  AcceptedAt,
  ENDED,
  MOST_CONTROL_BYTES,
  RECEIVE_HEADER_BYTES,
  SocketCall,
} from "../../network/protocol.ts";
import type { Credential } from "../../service.ts";
import { POLL } from "../../vfs/constants.ts";
import { getInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import type { InternetSockets } from "./internet_sockets.ts";
import { ServedHandle } from "./served_handle.ts";
import { type Incoming, intOption, type Outgoing, roomOf, scatter, Socket } from "./socket.ts";

const MAX_ADDRESS_BYTES = 128;
const SIOCINQ = 0x541b;
/** A third of the buffer that a stream has (network/limits.ts) is more. */
const BEHIND_BYTES = 64 << 10;
const nothing = new Uint8Array(0);

/** Reasons why no more was sent that do not last. */
const PASSING: readonly number[] = [E.EINTR, E.EAGAIN];

export class InternetSocket extends Socket {
  readonly #served: ServedHandle;
  /** its buffers are as large as the program wanted: there may be little room where there is some */
  #ownBuffers = false;
  /** its program has set SO_LINGER */
  #mayLinger = false;
  #noWriting = false;
  #noReading = false;
  #listens = false;
  /** its program has set SO_RCVLOWAT: there may be something to read that its level knows nothing of */
  #together = false;
  /** its own address, where it was told when the connection was accepted */
  #local: Uint8Array | undefined;

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
    this.#served = new ServedHandle(server, this, handle, credential);
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
    server.made(socket.#served, handle, generation);
    return socket;
  }

  get inode(): number {
    return this.#served.inode;
  }

  bind(_process: Process, address: Uint8Array): Coroutine<number> {
    return this.#served.step(SocketCall.BIND, [], address);
  }

  *connect(_process: Process, address: Uint8Array): Coroutine<number> {
    if (!this.streams) return yield* this.#served.step(SocketCall.CONNECT, [], address);
    const waits = this.mayWait(0);
    const status = yield* this.#served.connect(address, waits);
    if (status !== undefined) return status;
    return waits ? yield* this.#finishConnecting() : fail(E.EINPROGRESS);
  }

  *#finishConnecting(): Coroutine<number> {
    const served = this.#served;
    for (;;) {
      const attempt = () => (served.level & (POLL.OUT | POLL.ERR | POLL.HUP)) || undefined;
      yield* this.whenSendable(0, attempt);
      const { turns } = served;
      const error = getInt(yield* finish(this.ownOption(SOL.SOCKET, SO.ERROR)), 0);
      // Another server has answered than the one that told.
      if (turns !== served.turns) continue;
      served.connectingEnded(error === 0);
      return error === 0 ? 0 : fail(error);
    }
  }

  *listen(_process: Process, backlog: number): Coroutine<number> {
    const status = yield* this.#served.step(SocketCall.LISTEN, [backlog]);
    this.#served.level = 0;
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
    socket.#served.inherit(this.#served);
    socket.#ownBuffers = this.#ownBuffers;
    socket.#mayLinger = this.#mayLinger;
    socket.#together = this.#together;
    socket.#local = addressAt(payload, AcceptedAt.local);
    socket.#served.level = getInt(payload, AcceptedAt.level) & ~POLL.IN;
    server.made(socket.#served, handle, server.generation);
    return { socket, address: addressAt(payload, AcceptedAt.peer) };
  }

  /** Asks for a connection where there is one, as far as is known: of each that comes there is news. */
  *#acceptNow(payload: Uint8Array): Coroutine<number | undefined> {
    const served = this.#served, here = this.#takeAhead(payload);
    if (here !== undefined) return here;
    if (this.#listens && (served.level & (POLL.IN | POLL.ERR | POLL.HUP)) === 0) return undefined;
    // Of several who were told of one connection, the first has it, and no other needs ask.
    let more = served.level & POLL.IN;
    served.level &= ~POLL.IN;
    try {
      const handle = yield* served.attempt(POLL.IN, SocketCall.ACCEPT, [], payload);
      more = handle === undefined ? 0 : getInt(payload, AcceptedAt.listener) & POLL.IN;
      // One may have come meanwhile.
      return handle ?? this.#takeAhead(payload);
    } finally {
      if (more !== 0) served.became(served.level | more);
    }
  }

  /** Takes a connection that is here. @returns its handle */
  #takeAhead(payload: Uint8Array): number | undefined {
    const connection = this.#served.connections.shift();
    if (connection === undefined) return undefined;
    payload.set(connection.subarray(AcceptedAhead.answer));
    return getInt(connection, AcceptedAhead.handle);
  }

  send(message: Outgoing, flags: number): Blocking<number> {
    if (message.rights.length > 0) fail(E.EINVAL);
    const { data } = message, { behind } = this.#served;
    const passed = flags & (MSG.OOB | MSG.MORE);
    behind.throwToSender();
    if (!this.#mayGoOn(data.length, passed)) return this.#sendWaiting(message, flags, passed);
    this.#served.sendBehind(data.slice(), passed);
    behind.throwToSender();
    return data.length;
  }

  *#sendWaiting(message: Outgoing, flags: number, passed: number): Coroutine<number> {
    const { data, address = nothing, control = nothing } = message;
    let sent = 0;
    do {
      const part = data.subarray(sent, sent + this.server.maxDataBytes);
      if (!this.streams && part.length < data.length) fail(E.EMSGSIZE);
      const dataAt = address.length + control.length;
      let payload = part;
      if (dataAt > 0) {
        payload = new Uint8Array(dataAt + part.length);
        payload.set(address);
        payload.set(control, address.length);
        payload.set(part, dataAt);
      }
      const args = [passed, address.length, ...this.#served.told(), control.length];
      const transfer = () => this.#sendPart(args, payload);
      if (sent > 0 && !this.mayWait(flags)) {
        sent += (yield* transfer()) ?? 0;
        break;
      }
      try {
        sent += yield* this.whenSendable(flags, transfer);
      } catch (failure) {
        if (!(failure instanceof Errno) || sent === 0) throw failure;
        // What was sent is told; what happened to the connection will be, the next time.
        if (!PASSING.includes(failure.errno)) this.#served.behind.fail(failure);
        break;
      }
    } while (sent < data.length && this.streams);
    return sent;
  }

  /** Whether the server will take so many bytes: a stream that is writable has a third of its buffer free. */
  #mayGoOn(bytes: number, flags: number): boolean {
    const { connected, behind, isWritable } = this.#served;
    return this.streams && connected && !behind.busy && !this.#noWriting &&
      !this.#ownBuffers && bytes > 0 && bytes <= BEHIND_BYTES && (flags & MSG.OOB) === 0 &&
      isWritable;
  }

  /** One call that sends. */
  #sendPart(args: number[], payload: Uint8Array): Coroutine<number | undefined> {
    const served = this.#served;
    if (!this.streams) return served.transfer(POLL.OUT, SocketCall.SENDTO, args, payload);
    return served.behind.inTurn(() => served.send(args, payload));
  }

  receive(message: Incoming, flags: number): Blocking<number> {
    // A connection has no queue of errors.
    if ((flags & MSG.ERRQUEUE) !== 0 && this.streams) fail(E.EAGAIN);
    this.#served.behind.throwToReceiver();
    if (!this.streams) return this.#receiveDatagram(message, flags);
    const known = (flags & MSG.WAITALL) === 0
      ? this.#receiveKnown(message, 0, roomOf(message), flags)
      : undefined;
    return known ?? this.#receiveStream(message, flags);
  }

  *#receiveDatagram(message: Incoming, flags: number): Coroutine<number> {
    const controlRoom = Math.min(message.controlRoom, MOST_CONTROL_BYTES);
    const bytes = Math.min(roomOf(message), this.server.maxDataBytes - controlRoom);
    const payload = new Uint8Array(RECEIVE_HEADER_BYTES + bytes + controlRoom);
    const passed = flags & (MSG.PEEK | MSG.TRUNC | MSG.OOB | MSG.ERRQUEUE);
    const ofErrors = (flags & MSG.ERRQUEUE) !== 0, bit = ofErrors ? POLL.ERR : POLL.IN;
    const args = [passed, 0, 0, controlRoom];
    const got = yield* this.whenReceivable(
      ofErrors ? MSG.DONTWAIT : flags,
      () => this.#served.transfer(bit, SocketCall.RECVFROM, args, payload),
    );
    message.flags |= getInt(payload, 0);
    message.address = payload.slice(12, 12 + Math.min(getInt(payload, 4) & 0xffff, 28));
    const dataEnd = Math.max(RECEIVE_HEADER_BYTES, got - (getInt(payload, 4) >>> 16));
    message.control = payload.slice(dataEnd, got);
    const done = scatter(payload.subarray(RECEIVE_HEADER_BYTES, dataEnd), message.parts, 0);
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
    const known = this.#receiveKnown(message, skip, room, flags);
    if (known !== undefined) return known;
    const served = this.#served, { ahead } = served;
    const peeks = (flags & MSG.PEEK) !== 0, adds = ahead.length > 0;
    if (!adds && room > 0 && (flags & MSG.OOB) === 0 && this.#isQuiet) return undefined;
    const bytes = Math.max(0, Math.min(room - ahead.length, this.server.maxDataBytes));
    const payload = new Uint8Array(RECEIVE_HEADER_BYTES + bytes);
    const args = [flags & (MSG.OOB | (adds ? 0 : MSG.PEEK)), ...served.told()];
    let got: number | undefined;
    try {
      got = yield* served.transfer(POLL.IN, SocketCall.RECVFROM, args, payload);
    } catch (failure) {
      if (!(failure instanceof Errno) || !adds) throw failure;
      // What is here was received before that.
      served.behind.fail(failure);
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

  /** Reads what is here, or tells of the end. @returns bytes; undefined where the server has to be asked */
  #receiveKnown(
    message: Incoming,
    skip: number,
    room: number,
    flags: number,
  ): number | undefined {
    if ((flags & MSG.OOB) !== 0) return undefined;
    const { ahead, level } = this.#served;
    const ended = !this.#noReading && (level & (ENDED | POLL.ERR)) === ENDED;
    if (ahead.length === 0) return ended && room > 0 ? 0 : undefined;
    // Who wants more than is here has the rest come, too: he was told of it, and may not be told again.
    const more = !ended && (level & (POLL.IN | POLL.ERR | POLL.HUP)) === POLL.IN;
    if (more && room > ahead.length) return undefined;
    return ahead.read(message.parts, skip, (flags & MSG.PEEK) === 0);
  }

  /** Whether there is nothing to read, as far as is known: of what comes there is news. */
  get #isQuiet(): boolean {
    const { connected, level } = this.#served;
    return connected && !this.#together &&
      (level & (POLL.IN | POLL.RDHUP | POLL.ERR | POLL.HUP)) === 0;
  }

  *shutdown(how: number): Coroutine<number> {
    const served = this.#served, { behind } = served;
    if (how !== SHUT.WR) {
      this.#noReading = true;
      served.refuseAll();
    }
    if (how !== SHUT.RD) this.#noWriting = true;
    if (how === SHUT.WR && this.streams && served.connected && served.isWritable) {
      // What goes wrong with it has happened to the connection, and is told of that.
      behind.begin(() => served.shutdown(how), () => {});
      return 0;
    }
    yield* behind.settled();
    return yield* served.shutdown(how);
  }

  *localName(): Coroutine<Uint8Array> {
    if (this.#local !== undefined) return this.#local.slice();
    const payload = new Uint8Array(4 + MAX_ADDRESS_BYTES);
    yield* this.#served.call(SocketCall.GETSOCKNAME, [], payload);
    return addressAt(payload, 0);
  }

  *peerName(): Coroutine<Uint8Array> {
    const payload = new Uint8Array(4 + MAX_ADDRESS_BYTES);
    yield* this.#served.call(SocketCall.GETPEERNAME, [], payload);
    return addressAt(payload, 0);
  }

  protected setOwnOption(level: number, name: number, value: Uint8Array): Coroutine<number> {
    const sendBuffer = name === SO.SNDBUF || name === SO.SNDBUFFORCE;
    if (level === SOL.SOCKET && sendBuffer) this.#ownBuffers = true;
    if (level === SOL.SOCKET && name === SO.LINGER) this.#mayLinger = true;
    if (level === SOL.SOCKET && name === SO.RCVLOWAT) this.#together = true;
    return this.#served.step(SocketCall.SETSOCKOPT, [level, name], value);
  }

  protected *ownOption(level: number, name: number): Coroutine<Uint8Array> {
    if (level === SOL.SOCKET && name === SO.ERROR) {
      const served = this.#served, { connected, connecting, isWritable } = served;
      const failure = served.behind.takeFailure();
      if (failure !== undefined) return intOption(failure.errno);
      if (this.streams && (connected || connecting) && isWritable) {
        // Who asks knows from this that he is connected.
        served.connected = true;
        return intOption(0);
      }
    }
    const payload = new Uint8Array(256);
    const count = yield* this.#served.call(SocketCall.GETSOCKOPT, [level, name], payload);
    if (level === SOL.SOCKET && name === SO.ERROR) this.#served.level &= ~POLL.ERR;
    return payload.slice(0, count);
  }

  /** ioctl(2) on the interfaces of the machine, and SIOCINQ. */
  ioctl(request: number, argument: Uint8Array): Coroutine<number> {
    return this.#served.call(SocketCall.IOCTL, [request], argument);
  }

  *available(): Coroutine<number> {
    const bytes = new Uint8Array(4);
    yield* this.ioctl(SIOCINQ, bytes);
    return getInt(bytes, 0) + this.#served.ahead.length;
  }

  poll(events: number): number {
    const { level, ahead, connections } = this.#served;
    const here = ahead.length > 0 || connections.length > 0 ? POLL.IN : 0;
    return (level | here) & (events & ~ENDED | POLL.ERR | POLL.HUP);
  }

  /** Nobody has a connection's port beside it, nor waits for its end where SO_LINGER does not say so. */
  release(waits = false): Blocking<void> {
    const goesOn = this.streams && this.#served.connected && !(waits && this.#mayLinger);
    return goesOn ? this.server.behind(this.#served.close(false)) : this.#served.close(waits);
  }
}

/** A sockaddr behind a word with its length. */
function addressAt(payload: Uint8Array, at: number): Uint8Array {
  return payload.slice(at + 4, at + 4 + Math.min(getInt(payload, at), MAX_ADDRESS_BYTES));
}
