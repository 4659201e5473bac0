// Connections of the network slice. Much of what is asked of them is known here: what has come with news of it,
// connections that wait to be accepted, and whether there is room for what is sent.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { MSG, SHUT, SO, SOCK, SOL } from "../../network/constants.ts";
import {
  AcceptedAhead,
  AcceptedAt,
  ENDED,
  RECEIVE_HEADER_BYTES,
  SocketCall,
} from "../../network/protocol.ts";
import { POLL } from "../../vfs/constants.ts";
import { getInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { addressAt, InternetSocket, outgoingPayload } from "./internet_socket.ts";
import { type Incoming, intOption, type Outgoing, roomOf, scatter, type Socket } from "./socket.ts";

/** A third of the buffer that a stream has (network/limits.ts) is more. */
const BEHIND_BYTES = 64 << 10;

/** Reasons why no more was sent that do not last. */
const PASSING: readonly number[] = [E.EINTR, E.EAGAIN];

export class StreamSocket extends InternetSocket {
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

  *connect(_process: Process, address: Uint8Array): Coroutine<number> {
    const waits = this.mayWait(0);
    const status = yield* this.served.connect(address, waits);
    if (status !== undefined) return status;
    return waits ? yield* this.#finishConnecting() : fail(E.EINPROGRESS);
  }

  *#finishConnecting(): Coroutine<number> {
    const served = this.served;
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

  override *listen(process: Process, backlog: number): Coroutine<number> {
    const status = yield* super.listen(process, backlog);
    this.served.level = 0;
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
    const socket = new StreamSocket(
      server,
      handle,
      credential,
      family,
      type,
      protocol,
      flags & SOCK.NONBLOCK,
    );
    socket.served.inherit(this.served);
    socket.#ownBuffers = this.#ownBuffers;
    socket.#mayLinger = this.#mayLinger;
    socket.#together = this.#together;
    socket.#local = addressAt(payload, AcceptedAt.local);
    socket.served.level = getInt(payload, AcceptedAt.level) & ~POLL.IN;
    socket.made(handle, server.generation);
    return { socket, address: addressAt(payload, AcceptedAt.peer) };
  }

  /** Asks for a connection where there is one, as far as is known: of each that comes there is news. */
  *#acceptNow(payload: Uint8Array): Coroutine<number | undefined> {
    const served = this.served, here = this.#takeAhead(payload);
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
    const connection = this.served.connections.shift();
    if (connection === undefined) return undefined;
    payload.set(connection.subarray(AcceptedAhead.answer));
    return getInt(connection, AcceptedAhead.handle);
  }

  send(message: Outgoing, flags: number): Blocking<number> {
    if (message.rights.length > 0) fail(E.EINVAL);
    const { data } = message, { behind } = this.served.sender;
    const passed = flags & (MSG.OOB | MSG.MORE);
    behind.throwToSender();
    if (!this.#mayGoOn(data.length, passed)) return this.#sendWaiting(message, flags, passed);
    this.served.sender.sendBehind(data, passed);
    behind.throwToSender();
    return data.length;
  }

  *#sendWaiting(message: Outgoing, flags: number, passed: number): Coroutine<number> {
    const { data, address, control } = message;
    let sent = 0;
    do {
      const part = data.subarray(sent, sent + this.server.maxDataBytes);
      const payload = outgoingPayload(message, part);
      const args = [passed, address?.length ?? 0, ...this.served.told(), control?.length ?? 0];
      const transfer = () =>
        this.served.sender.behind.inTurn(() => this.served.sender.send(args, payload));
      if (sent > 0 && !this.mayWait(flags)) {
        sent += (yield* transfer()) ?? 0;
        break;
      }
      try {
        sent += yield* this.whenSendable(flags, transfer);
      } catch (failure) {
        if (!(failure instanceof Errno) || sent === 0) throw failure;
        // What was sent is told; what happened to the connection will be, the next time.
        if (!PASSING.includes(failure.errno)) this.served.sender.behind.fail(failure);
        break;
      }
    } while (sent < data.length);
    return sent;
  }

  /** Whether the server will take so many bytes: a stream that is writable has a third of its buffer free. */
  #mayGoOn(bytes: number, flags: number): boolean {
    const { connected, isWritable, sender: { behind } } = this.served;
    return connected && !behind.busy && !this.#noWriting &&
      !this.#ownBuffers && bytes > 0 && bytes <= BEHIND_BYTES && (flags & MSG.OOB) === 0 &&
      isWritable;
  }

  receive(message: Incoming, flags: number): Blocking<number> {
    // A connection has no queue of errors.
    if ((flags & MSG.ERRQUEUE) !== 0) fail(E.EAGAIN);
    this.served.sender.behind.throwToReceiver();
    const known = (flags & MSG.WAITALL) === 0
      ? this.#receiveKnown(message, 0, roomOf(message), flags)
      : undefined;
    return known ?? this.#receiveStream(message, flags);
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
    const served = this.served, { ahead } = served;
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
      served.sender.behind.fail(failure);
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
    const { ahead, level } = this.served;
    const ended = !this.#noReading && (level & (ENDED | POLL.ERR)) === ENDED;
    if (ahead.length === 0) return ended && room > 0 ? 0 : undefined;
    // Who wants more than is here has the rest come, too: he was told of it, and may not be told again.
    const more = !ended && (level & (POLL.IN | POLL.ERR | POLL.HUP)) === POLL.IN;
    if (more && room > ahead.length) return undefined;
    return ahead.read(message.parts, skip, (flags & MSG.PEEK) === 0);
  }

  /** Whether there is nothing to read, as far as is known: of what comes there is news. */
  get #isQuiet(): boolean {
    const { connected, level } = this.served;
    return connected && !this.#together &&
      (level & (POLL.IN | POLL.RDHUP | POLL.ERR | POLL.HUP)) === 0;
  }

  override *shutdown(how: number): Coroutine<number> {
    const served = this.served, { behind } = served.sender;
    if (how !== SHUT.WR) {
      this.#noReading = true;
      served.refuseAll();
    }
    if (how !== SHUT.RD) this.#noWriting = true;
    if (how === SHUT.WR && served.connected && served.isWritable) {
      // What goes wrong with it has happened to the connection, and is told of that.
      behind.begin(() => served.shutdown(how), () => {});
      return 0;
    }
    yield* behind.settled();
    return yield* super.shutdown(how);
  }

  override *localName(): Coroutine<Uint8Array> {
    return this.#local?.slice() ?? (yield* super.localName());
  }

  protected override setOwnOption(
    level: number,
    name: number,
    value: Uint8Array,
  ): Coroutine<number> {
    const sendBuffer = name === SO.SNDBUF || name === SO.SNDBUFFORCE;
    if (level === SOL.SOCKET && sendBuffer) this.#ownBuffers = true;
    if (level === SOL.SOCKET && name === SO.LINGER) this.#mayLinger = true;
    if (level === SOL.SOCKET && name === SO.RCVLOWAT) this.#together = true;
    return super.setOwnOption(level, name, value);
  }

  protected override *ownOption(level: number, name: number): Coroutine<Uint8Array> {
    if (level === SOL.SOCKET && name === SO.ERROR) {
      const { served } = this, { connected, connecting, isWritable } = served;
      const failure = served.sender.behind.takeFailure();
      if (failure !== undefined) return intOption(failure.errno);
      if ((connected || connecting) && isWritable) {
        // Who asks knows from this that he is connected.
        served.connected = true;
        return intOption(0);
      }
    }
    return yield* super.ownOption(level, name);
  }

  /** Nobody has a connection's port beside it, nor waits for its end where SO_LINGER does not say so. */
  override release(waits = false): Blocking<void> {
    const goesOn = this.served.connected && !(waits && this.#mayLinger);
    return goesOn ? this.server.behind(this.served.close(false)) : super.release(waits);
  }
}
