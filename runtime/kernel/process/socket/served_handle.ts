// A socket as the network's server knows it: its handle there, what it is ready for, and what becomes of both when
// that server dies. Without a connection it is made again on the next server, as it was; with one it goes on
// where that server has the connection, too, and is at its end where not.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { familyOf } from "../../network/address.ts";
import { AF } from "../../network/constants.ts";
import { FIRST_SOCKET_INODE, SERVER_LOST, SocketCall, splitLevel } from "../../network/protocol.ts";
import type { Credential } from "../../service.ts";
import { POLL } from "../../vfs/constants.ts";
import { NS_PER_SECOND } from "../time/clock.ts";
import { type InternetSockets, isStale, type ServedSocket } from "./internet_sockets.ts";
import { ReceivedAhead } from "./received_ahead.ts";
import type { Socket } from "./socket.ts";
import { SocketSteps } from "./socket_steps.ts";
import { StreamSender } from "./stream_sender.ts";

const nothing = new Uint8Array(0);

export class ServedHandle implements ServedSocket {
  /** what the server said last that it is ready for; a bit that was found not to hold is taken away */
  level = 0;
  /** it has, or had, a connection: that no other server can go on with, but for one that has it, too */
  connected = false;
  connecting = false;
  /** how often its server has died: should one die while it comes back, all starts anew */
  turns = 0;
  readonly ahead = new ReceivedAhead();
  /** of a socket that listens: connections that nobody has asked for yet; of each what is at `AcceptedAhead` */
  connections: Uint8Array[] = [];
  readonly sender: StreamSender;
  /** of a connection that is being made anew, until that is known to go on */
  #becoming: number | undefined;
  #lost = false;
  #lingers = false;
  #released = false;
  /** that the connection was made was told here: the server's answer to the next attempt would be another */
  #madeHere = false;
  /** where a connection is being made to */
  #destination: Uint8Array | undefined;
  readonly #steps = new SocketSteps();
  /** woken when the handle is another one, or none any more */
  readonly #moved = new WaitQueue();
  /** how often it was claimed from another server, under the handle that it had */
  claims = 0;

  /**
   * @param socket whose it is, and which is told what it is ready for
   * @param handle its number at the server that is there
   */
  constructor(
    private readonly server: InternetSockets,
    private readonly socket: Socket,
    public handle: number,
    private readonly credential: Credential,
  ) {
    this.sender = new StreamSender(server, this, socket.readiness, credential);
  }

  /** Number of the socket, as the server tells it too. */
  get inode(): number {
    return FIRST_SOCKET_INODE + this.handle;
  }

  became(level: number, data: Uint8Array = nothing): void {
    this.level = level;
    if (data.length > 0) this.ahead.add(data);
    this.socket.readiness.wakeAll();
  }

  accepted(connection: Uint8Array): void {
    this.connections.push(connection);
  }

  /** Nobody will accept the connections that are here. */
  refuseAll(): void {
    for (const connection of this.connections.splice(0)) this.server.refuse(connection);
  }

  get later(): boolean {
    return this.socket.streams && (this.connected || this.#destination !== undefined);
  }

  serverLost(): void {
    // The next server has them wait to be accepted.
    this.connections = [];
    if (this.#lingers) return this.#end();
    if (this.connected && !this.socket.streams) return this.#end();
    const { server } = this, turn = ++this.turns;
    const work = this.later ? this.#claim(turn) : server.first(this.#restore(turn));
    server.comeBack(work, () => this.#end());
  }

  /** Goes on with its connection on a server that has it, too; makes it again where it was being made. */
  *#claim(turn: number): Coroutine<void> {
    const { server, credential } = this, handle = this.#becoming ?? this.handle;
    yield* server.afterFirst();
    if (turn !== this.turns) return;
    const payload = new Uint8Array(8);
    const args = [handle, ...this.told()];
    const level = yield* server.status(SocketCall.CLAIM, args, payload, credential);
    if (level === SERVER_LOST || turn !== this.turns) return;
    if (level < 0) return this.connected ? this.#end() : yield* this.#restore(turn);
    for (const step of this.#steps.options) {
      const value = step.payload?.slice();
      yield* server.status(step.number, [handle, ...step.args], value, credential);
    }
    if (turn !== this.turns) return;
    this.sender.claimed(new DataView(payload.buffer).getFloat64(0, true));
    this.handle = handle;
    this.#becoming = undefined;
    this.claims++;
    this.became(level);
    // What has happened since is told here.
    server.made(this, handle, server.generation);
    this.#moved.wakeAll();
  }

  /** Makes the socket again, on a server that knows nothing of it. @throws Errno where that cannot be */
  *#restore(turn: number): Coroutine<void> {
    const { server, credential, socket: { family, type, protocol } } = this;
    if (this.later) yield* server.afterFirst();
    if (turn !== this.turns) return;
    const { handle } = yield* server.open(family, type, protocol, credential);
    if (turn !== this.turns) {
      yield* server.close(handle);
      return;
    }
    this.level = 0;
    server.made(this, handle, server.generation);
    for (const { number, args, payload } of this.#steps.all) {
      const status = yield* server.status(number, [handle, ...args], payload?.slice(), credential);
      if (status === SERVER_LOST || turn !== this.turns) return;
      if (status < 0) fail(-status);
      // What was told before is of a socket that did not listen.
      if (number === SocketCall.LISTEN) this.level = 0;
    }
    if (this.connecting && this.#destination !== undefined) {
      const args = [handle], address = this.#destination.slice();
      // The next server is asked for this connection, should it come about.
      this.#becoming = handle;
      const status = yield* server.status(SocketCall.CONNECT, args, address, credential);
      if (status === SERVER_LOST || turn !== this.turns) return;
      if (status < 0 && status !== -E.EINPROGRESS) fail(-status);
      // What was told before is of a socket that had no connection.
      this.level = 0;
    }
    this.handle = handle;
    this.#becoming = undefined;
    this.#moved.wakeAll();
    if (this.#released) yield* this.close(false);
  }

  /** Nothing is to be had from this socket any more. */
  #end(): void {
    this.#lost = true;
    this.server.forget(this, this.handle);
    this.#moved.wakeAll();
    this.became(POLL.IN | POLL.OUT | POLL.ERR | POLL.HUP);
  }

  /** Whether the connection came about, and takes data, as far as is known. */
  get isWritable(): boolean {
    return (this.level & (POLL.OUT | POLL.ERR | POLL.HUP)) === POLL.OUT;
  }

  /** What calls tell the server of a stream: bytes that have come, and of them those that nobody has read. */
  told(): [arrived: number, unread: number] {
    return [this.ahead.arrived, this.ahead.length];
  }

  /** A call that is made again where the socket is. */
  *step(number: number, args: number[], payload?: Uint8Array): Coroutine<number> {
    const kept = payload?.slice();
    const status = yield* this.call(number, args, payload);
    this.#steps.keep({ number, args, payload: kept });
    return status;
  }

  /** It was accepted from a socket that listens, and has its options. */
  inherit(listener: ServedHandle): void {
    for (const step of listener.#steps.options) this.#steps.keep(step);
    this.connected = true;
  }

  /** A call on the server that has this socket, once there is one. */
  *call(number: number, args: number[], payload?: Uint8Array): Coroutine<number> {
    for (;;) {
      if (this.#lost) fail(E.ECONNRESET);
      const handle = this.handle, claims = this.claims;
      const status = yield* this.server.status(
        number,
        [handle, ...args],
        payload,
        this.credential,
      );
      if (status >= 0) return status;
      if (!isStale(status)) return fail(-status);
      yield* this.movedFrom(handle, claims);
      const taken = number === SocketCall.SENDTO ? this.sender.taken() : 0;
      if (taken > 0) return this.level * 2 ** 32 + taken;
    }
  }

  /** Waits until it is where it has been claimed or made anew. */
  *movedFrom(handle: number, claims: number): Coroutine<void> {
    while (handle === this.handle && claims === this.claims && !this.#lost) yield this.#moved;
  }

  /**
   * A call that cannot be done twice. @param twice the error of one that was
   * @returns its status; undefined where a server that died had done it
   */
  *#callOnce(
    number: number,
    args: number[],
    twice: number,
    payload?: Uint8Array,
  ): Coroutine<number | undefined> {
    const claims = this.claims;
    try {
      return yield* this.call(number, args, payload);
    } catch (failure) {
      const repeated = claims !== this.claims && failure instanceof Errno &&
        failure.errno === twice;
      if (repeated) return undefined;
      throw failure;
    }
  }

  /**
   * Has a stream connected. @param waits whether the caller waits for a connection that is under way
   * @returns the server's status; undefined where the connection is under way
   */
  *connect(address: Uint8Array, waits: boolean): Coroutine<number | undefined> {
    if (familyOf(address) === AF.UNSPEC) return yield* this.#disconnect(address);
    if (this.#madeHere) fail(E.EISCONN);
    if (this.connecting && !waits && this.isWritable) {
      this.connectingEnded(true);
      this.#madeHere = true;
      return 0;
    }
    if (this.connecting && waits) return undefined;
    const before = this.#destination;
    this.#destination = address.slice();
    try {
      const status = yield* this.#callOnce(SocketCall.CONNECT, [], E.EISCONN, address);
      this.connected = true;
      // What is told of a connection that was there already is right.
      if (status !== undefined) this.level = 0;
      return status ?? 0;
    } catch (failure) {
      if (!(failure instanceof Errno) || failure.errno !== E.EINPROGRESS) {
        this.#destination = before;
        throw failure;
      }
      this.level = 0;
      this.connecting = true;
      return undefined;
    }
  }

  /** Gives the connection up that it has, or is making. @param address of AF_UNSPEC */
  *#disconnect(address: Uint8Array): Coroutine<number> {
    // There is nothing to be read any more.
    this.ahead.drop();
    this.refuseAll();
    const status = yield* this.call(SocketCall.CONNECT, [], address);
    this.connectingEnded(false);
    this.#madeHere = false;
    this.#destination = undefined;
    this.sender.disconnected();
    this.level = 0;
    return status;
  }

  /** The connection that was being made is there, or will not be. */
  connectingEnded(connected: boolean): void {
    this.connecting = false;
    this.connected = connected;
  }

  *shutdown(how: number): Coroutine<number> {
    // Where it was done already, the peer may have gone since.
    return (yield* this.#callOnce(SocketCall.SHUTDOWN, [how], E.ENOTCONN)) ?? 0;
  }

  /** A call that the server answers with EAGAIN where a bit of the level is not set. */
  *attempt(
    bit: number,
    number: number,
    args: number[],
    payload: Uint8Array,
  ): Coroutine<number | undefined> {
    try {
      return yield* this.call(number, args, payload);
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      // Told, an error of datagrams is over; of another one there is news.
      if (!this.socket.streams) this.level &= ~POLL.ERR;
      if (failure.errno !== E.EAGAIN) throw failure;
      this.level &= ~bit;
      return undefined;
    }
  }

  /** As {@link attempt}, of a call whose answer carries the level. @returns its count */
  *transfer(
    bit: number,
    number: number,
    args: number[],
    payload: Uint8Array,
  ): Coroutine<number | undefined> {
    const status = yield* this.attempt(bit, number, args, payload);
    if (status === undefined) return undefined;
    const { level, count } = splitLevel(status);
    this.level = level;
    // Its program goes on from there: a server without that connection has nothing for it.
    if (this.connecting) this.connected = true;
    return count;
  }

  *close(waits: boolean): Coroutine<void> {
    yield* this.sender.behind.settled();
    const { server } = this, handle = this.handle;
    this.#released = true;
    server.forget(this, handle);
    this.refuseAll();
    // A server that died, or has no such socket any more, needs not be told.
    if (this.#lost) return;
    const seconds = yield* server.close(handle, waits, ...this.told());
    // What was told of it on the way does not concern anybody.
    server.forget(this, handle);
    if (seconds > 0) yield* this.#linger(handle, seconds);
  }

  /** Waits until the peer has everything: at most so many seconds, and until a signal comes (SO_LINGER). */
  *#linger(handle: number, seconds: number): Coroutine<void> {
    const { server, socket: { readiness } } = this, { tasks, nowNs } = server.environment;
    this.level = 0;
    this.#lingers = true;
    server.made(this, handle, server.generation);
    const deadline = nowNs() + seconds * NS_PER_SECOND;
    const cancel = tasks.wakeAt(deadline, readiness);
    try {
      while ((this.level & POLL.HUP) === 0 && nowNs() < deadline) yield readiness;
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
