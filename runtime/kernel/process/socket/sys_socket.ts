// socket(2) and all calls on sockets. Structures come decoded: see the guest's socket_arguments.ts.
import { type Blocking, type Coroutine, finish, isCoroutine } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { joined } from "../../pieces.ts";
import { zeros } from "../../small_arrays.ts";
import { AF, MSG, SOCK } from "../../network/constants.ts";
import { putTimespec } from "../time/clock.ts";
import { releaseAll } from "../file/descriptor_table.ts";
import type { Handlers } from "../handler.ts";
import type { Process } from "../process.ts";
import { durationNs } from "../signal/sys_signal.ts";
import { readControl, writeControl } from "./control_message.ts";
import { openInternet } from "./open_internet.ts";
import { type Incoming, incoming, senderOf, Socket } from "./socket.ts";
import { UnixSocket } from "./unix_socket.ts";

/** Where a call puts an address or an option's value: `bytes` is set by the handler, `room` is the caller's. */
export interface Returned {
  room: number;
  bytes?: Uint8Array;
}

/** `struct msghdr` of sendmsg(2). */
export interface SentMessage {
  address: Uint8Array;
  parts: Uint8Array[];
  control: Uint8Array;
  /** set by sendmmsg(2) */
  count: number;
}

/** `struct msghdr` of recvmsg(2): the handler fills in all but the room. */
export interface ReceivedMessage {
  addressRoom: number;
  parts: Uint8Array[];
  controlRoom: number;
  address: Uint8Array;
  control: Uint8Array;
  flags: number;
  count: number;
}

const UNIX_TYPES: number[] = [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET];
const none = new Uint8Array(0);

function typeOf(type: number): number {
  if ((type & ~(SOCK.TYPE_MASK | SOCK.NONBLOCK | SOCK.CLOEXEC)) !== 0) fail(E.EINVAL);
  return type & SOCK.TYPE_MASK;
}

function unixSocket(process: Process, type: number, protocol: number): UnixSocket {
  if (protocol !== 0 && protocol !== AF.UNIX) fail(E.EPROTONOSUPPORT);
  const kind = typeOf(type) === SOCK.RAW ? SOCK.DGRAM : typeOf(type);
  if (!UNIX_TYPES.includes(kind)) fail(E.ESOCKTNOSUPPORT);
  const { environment, unixNames } = process.kernel;
  return new UnixSocket(environment, unixNames, kind, type);
}

/** @throws Errno EMFILE: then the socket is closed */
function* install(process: Process, socket: Socket, type: number): Coroutine<number> {
  try {
    return process.addDescription(socket, (type & SOCK.CLOEXEC) !== 0);
  } catch (failure) {
    yield* finish(socket.release());
    throw failure;
  }
}

function* socket(
  process: Process,
  family: number,
  type: number,
  protocol: number,
): Coroutine<number> {
  if (family === AF.UNIX) {
    return yield* install(process, unixSocket(process, type, protocol), type);
  }
  const { internet } = process.kernel;
  if (internet === undefined) return fail(E.EAFNOSUPPORT);
  const { credential } = process;
  const made = yield* openInternet(
    internet,
    credential,
    family,
    typeOf(type),
    protocol,
    type,
  );
  return yield* install(process, made, type);
}

function* socketpair(
  process: Process,
  family: number,
  type: number,
  protocol: number,
  out: Uint8Array,
): Coroutine<number> {
  if (family !== AF.UNIX) fail(E.EOPNOTSUPP);
  const a = unixSocket(process, type, protocol), b = unixSocket(process, type, protocol);
  UnixSocket.pair(a, b, senderOf(process));
  const first = yield* install(process, a, type);
  let second: number;
  try {
    second = yield* install(process, b, type);
  } catch (failure) {
    yield* finish(process.close(first));
    throw failure;
  }
  new DataView(out.buffer, out.byteOffset).setInt32(0, first, true);
  new DataView(out.buffer, out.byteOffset).setInt32(4, second, true);
  return 0;
}

function socketOf(process: Process, fd: number): Socket {
  const description = process.description(fd);
  return description instanceof Socket ? description : fail(E.ENOTSOCK);
}

function* accept4(
  process: Process,
  fd: number,
  address: Returned,
  flags: number,
): Coroutine<number> {
  if ((flags & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) !== 0) fail(E.EINVAL);
  const accepted = yield* finish(socketOf(process, fd).accept(flags));
  address.bytes = accepted.address;
  return yield* install(process, accepted.socket, flags);
}

function* nameCall(name: Blocking<Uint8Array>, out: Returned): Coroutine<number> {
  out.bytes = yield* finish(name);
  return 0;
}

function sendto(
  process: Process,
  fd: number,
  data: Uint8Array,
  flags: number,
  address: Uint8Array,
): Blocking<number> {
  const message = {
    data,
    address: address.slice(),
    rights: [],
    sender: senderOf(process),
    process,
  };
  return socketOf(process, fd).send(message, flags);
}

function recvfrom(
  process: Process,
  fd: number,
  into: Uint8Array,
  flags: number,
  address: Returned,
): Blocking<number> {
  const message = incoming([into]);
  const received = socketOf(process, fd).receive(message, flags);
  if (isCoroutine(received) || message.rights.length > 0) {
    return receivedLater(received, message, address);
  }
  address.bytes = message.address ?? none;
  return received;
}

function* receivedLater(
  received: Blocking<number>,
  message: Incoming,
  address: Returned,
): Coroutine<number> {
  const count = yield* finish(received);
  yield* releaseAll(message.rights);
  address.bytes = message.address ?? none;
  return count;
}

function* sendmsg(
  process: Process,
  fd: number,
  { parts, address, control }: SentMessage,
  flags: number,
): Coroutine<number> {
  const target = socketOf(process, fd);
  const along = readControl(process, control);
  const message = { data: joined(parts, zeros), address, ...along, process };
  return yield* finish(target.send(message, flags));
}

function* recvmsg(
  process: Process,
  fd: number,
  out: ReceivedMessage,
  flags: number,
): Coroutine<number> {
  const message = incoming(out.parts, out.controlRoom);
  const count = yield* finish(socketOf(process, fd).receive(message, flags));
  const closeOnExec = (flags & MSG.CMSG_CLOEXEC) !== 0;
  out.control = yield* writeControl(process, message, out.controlRoom, closeOnExec);
  out.address = message.address ?? none;
  out.flags = message.flags | flags & MSG.CMSG_CLOEXEC;
  return count;
}

/** Calls with several messages: what was done before an error counts. @param enough asked after each */
function* several<M extends { count: number }>(
  messages: M[],
  one: (message: M, index: number) => Coroutine<number>,
  enough: () => boolean = () => false,
): Coroutine<number> {
  let done = 0;
  for (const message of messages) {
    try {
      message.count = yield* one(message, done);
    } catch (failure) {
      if (done > 0 && failure instanceof Errno) break;
      throw failure;
    }
    done++;
    if (enough()) break;
  }
  return done;
}

function sendmmsg(
  process: Process,
  fd: number,
  messages: SentMessage[],
  flags: number,
): Coroutine<number> {
  return several(messages, (message) => sendmsg(process, fd, message, flags));
}

/** @param timeout as on Linux looked at after each message only (recvmmsg(2), BUGS); what is left is put there */
function recvmmsg(
  process: Process,
  fd: number,
  messages: ReceivedMessage[],
  flags: number,
  timeout?: Uint8Array,
): Coroutine<number> {
  const { nowNs } = process.kernel.environment;
  const waitsForOne = (flags & MSG.WAITFORONE) !== 0;
  const deadline = timeout === undefined ? Infinity : nowNs() + durationNs(timeout);
  return several(
    messages,
    (message, index) => {
      const waiting = waitsForOne && index > 0 ? MSG.DONTWAIT : 0;
      return recvmsg(process, fd, message, flags & ~MSG.WAITFORONE | waiting);
    },
    () => {
      if (timeout === undefined) return false;
      const left = Math.max(0, deadline - nowNs());
      putTimespec(timeout, 0, left);
      return left === 0;
    },
  );
}

export const socketCalls: Handlers = {
  socket,
  socketpair,
  bind: (process, fd, address: Uint8Array) => socketOf(process, fd).bind(process, address.slice()),
  listen: (process, fd, backlog: number) => socketOf(process, fd).listen(process, backlog),
  accept: (process, fd, address: Returned) => accept4(process, fd, address, 0),
  accept4,
  connect: (process, fd, address: Uint8Array) =>
    socketOf(process, fd).connect(process, address.slice()),
  getsockname: (process, fd, out: Returned) => nameCall(socketOf(process, fd).localName(), out),
  getpeername: (process, fd, out: Returned) => nameCall(socketOf(process, fd).peerName(), out),
  sendto,
  recvfrom,
  setsockopt: (process, fd, level: number, name: number, value: Uint8Array) =>
    socketOf(process, fd).setOption(level, name, value),
  getsockopt: (process, fd, level: number, name: number, out: Returned) =>
    nameCall(socketOf(process, fd).option(level, name), out),
  shutdown: (process, fd, how: number) => socketOf(process, fd).shutdown(how),
  sendmsg,
  recvmsg,
  sendmmsg,
  recvmmsg,
};
