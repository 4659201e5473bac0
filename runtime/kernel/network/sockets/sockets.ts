// The component `sockets`: serves the calls of protocol.ts on ends of communication that TCP/IP provides.
// Callers are not trusted: every argument is checked. Nothing waits here but EVENTS.
import type { Component, ComponentConstructor } from "../../component.ts";
import type { Blocking } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Credential, Service, ServiceCall } from "../../service.ts";
import { decodeAddress, encodeAddress, familyOf } from "../address.ts";
import { AF, MSG, SHUT, SO, SOCK, SOL } from "../constants.ts";
import type { Endpoint, InternetAddress, StreamEndpoint, Transport } from "../endpoint.ts";
import { POLL } from "../../vfs/constants.ts";
import { FIRST_UNPRIVILEGED_PORT } from "../limits.ts";
import {
  AcceptedAhead,
  AcceptedAt,
  FIRST_SOCKET_INODE,
  MOST_CONTROL_BYTES,
  NetworkTexts,
  RECEIVE_HEADER_BYTES,
  SocketCall,
} from "../protocol.ts";
import { put, putAddress } from "./answers.ts";
import { Entry } from "./entry.ts";
import { interfaceRequest } from "./interface_request.ts";
import { NetlinkEndpoint } from "./netlink.ts";
import { netlinkCall } from "./netlink_call.ts";
import { News } from "./news.ts";
import { networkText } from "./network_text.ts";

/** Sockets that one client has. */
const MAX_SOCKETS = 65_536;
const SIOCINQ = 0x541b, SIOCOUTQ = 0x5411;
const nothing = new Uint8Array(0);

export class SocketServer implements Service {
  readonly transaction = 0;
  readonly durable = 0;
  readonly #entries = new Map<number, Entry>();
  readonly #news = new News();
  #lastHandle: number;

  /** @param firstHandle no other instance's, so that what is known of an older one means nothing here */
  constructor(private readonly transport: Transport, firstHandle: number) {
    this.#lastHandle = firstHandle;
  }

  /** Takes up the connections that the transport has of an instance before. */
  restore(): void {
    for (const [handle, endpoint] of this.transport.restored()) {
      this.#entries.set(handle, new Entry(handle, endpoint, true));
      endpoint.inode = FIRST_SOCKET_INODE + handle;
    }
  }

  call({ number, args, credential, payload }: ServiceCall): Blocking<number> {
    switch (number) {
      case SocketCall.SOCKET:
        return this.#open(args, credential);
      case SocketCall.EVENTS:
        return this.#news.tell(payload, this);
      case SocketCall.CLAIMED:
        return this.#claimedAll();
      case SocketCall.PROC:
        return this.#proc(args[0], args[1], payload);
    }
    if (number === SocketCall.IOCTL && args[0] < 0) {
      return interfaceRequest(this.transport, args[1], payload);
    }
    const entry = this.#entries.get(args[0]) ?? fail(E.EBADF);
    const { endpoint } = entry;
    const listener = entry.known();
    if (listener !== undefined && this.has(listener)) this.#news.note(listener);
    if (number === SocketCall.CLAIM) return this.#claim(entry, args, payload);
    // What the client knows of the stream has to be compared first.
    if ((entry.unclaimed || entry.lingers) && number !== SocketCall.CLOSE) fail(E.EBADF);
    switch (number) {
      case SocketCall.SENDTO:
        return this.#send(entry, args, payload);
      case SocketCall.RECVFROM:
        return this.#receive(entry, args, payload);
      case SocketCall.ACCEPT:
        return this.#accept(entry, payload).handle;
      case SocketCall.CLOSE:
        return this.#close(entry, args);
      case SocketCall.IOCTL:
        return this.#ioctl(endpoint, args[1], payload);
    }
    if (endpoint instanceof NetlinkEndpoint) return netlinkCall(endpoint, number, args, payload);
    switch (number) {
      case SocketCall.BIND: {
        const address = decodeAddress(payload);
        if (
          address.port > 0 && address.port < FIRST_UNPRIVILEGED_PORT && credential.uid !== 0
        ) fail(E.EACCES);
        endpoint.bind(address);
        return 0;
      }
      case SocketCall.LISTEN:
        streamOf(endpoint).listen(args[1]);
        entry.listen(args[1]);
        this.#forgotten(entry);
        return 0;
      case SocketCall.CONNECT: {
        endpoint.connect(familyOf(payload) === AF.UNSPEC ? undefined : decodeAddress(payload));
        this.#forgotten(entry);
        return endpoint.connecting ? -E.EINPROGRESS : 0;
      }
      case SocketCall.GETSOCKNAME:
        return putAddress(payload, 0, encodeAddress(endpoint.local));
      case SocketCall.GETPEERNAME:
        return putAddress(payload, 0, encodeAddress(endpoint.peer ?? fail(E.ENOTCONN)));
      case SocketCall.SETSOCKOPT:
        endpoint.setOption(args[1], args[2], payload);
        entry.optionSet(args[1], args[2]);
        return 0;
      case SocketCall.GETSOCKOPT:
        if (args[1] === SOL.SOCKET && args[2] === SO.ERROR) this.#errorTaken(entry);
        return put(payload, endpoint.getOption(args[1], args[2]));
      case SocketCall.SHUTDOWN:
        if (args[1] !== SHUT.RD && args[1] !== SHUT.WR && args[1] !== SHUT.RDWR) fail(E.EINVAL);
        endpoint.shutdown(args[1]);
        return 0;
    }
    return fail(E.ENOSYS);
  }

  #open(args: ArrayLike<number>, credential: Credential): number {
    if (this.#entries.size >= MAX_SOCKETS) fail(E.ENFILE);
    const [family, type, protocol] = [args[0], args[1], args[2]];
    if (family === AF.NETLINK) {
      return this.#add(new NetlinkEndpoint(this.transport, type, protocol)).handle;
    }
    if (family !== AF.INET && family !== AF.INET6) fail(E.EAFNOSUPPORT);
    if (type === SOCK.RAW && credential.uid !== 0) fail(E.EPERM);
    return this.#add(this.transport.open(family, type, protocol)).handle;
  }

  /** @param accepted whether the client may never hear of its handle */
  #add(endpoint: Endpoint | NetlinkEndpoint, accepted = false): Entry {
    do this.#lastHandle = this.#lastHandle % 0x7fff_ffff + 1; while (
      this.#entries.has(this.#lastHandle)
    );
    const entry = new Entry(this.#lastHandle, endpoint);
    this.#entries.set(entry.handle, entry);
    entry.stream?.keep(entry.handle, accepted);
    entry.tentative = accepted;
    endpoint.changed = () => this.#news.note(entry);
    endpoint.inode = FIRST_SOCKET_INODE + entry.handle;
    this.#news.note(entry);
    return entry;
  }

  /** The client takes it that there is no error now: that there is one is news again. */
  #errorTaken(entry: Entry): void {
    entry.told &= ~POLL.ERR;
    this.#news.note(entry);
  }

  /** The socket has become something else: the client knows nothing of it, and is told all. */
  #forgotten(entry: Entry): void {
    entry.told = entry.queued = 0;
    this.#news.note(entry);
  }

  /**
   * The level goes with the answer. Of the bit that the call is about the client has now been told; others may
   * wait for the rest, who are woken by an event.
   */
  #withLevel(entry: Entry, bit: number, count: number): number {
    const { level } = entry;
    entry.tell(level, bit);
    return level * 2 ** 32 + count;
  }

  #send(entry: Entry, args: ArrayLike<number>, payload: Uint8Array): number {
    const { endpoint } = entry, flags = args[1], addressBytes = args[2];
    const dataAt = addressBytes + (args[5] ?? 0);
    entry.heard(args[3] ?? 0, args[4] ?? 0);
    if (!(addressBytes >= 0 && dataAt >= addressBytes && dataAt <= payload.length)) fail(E.EINVAL);
    const data = dataAt === 0 ? payload : payload.subarray(dataAt);
    try {
      const count = endpoint instanceof NetlinkEndpoint ? endpoint.send(data) : endpoint.send(
        data,
        flags,
        destination(payload, addressBytes),
        dataAt === addressBytes ? undefined : payload.subarray(addressBytes, dataAt),
      );
      return this.#withLevel(entry, POLL.OUT, count);
    } catch (failure) {
      // The client takes from an error that there is no room: that there is some is news again, and only that.
      entry.told &= entry.stream === undefined ? ~(POLL.OUT | POLL.ERR) : ~POLL.OUT;
      this.#news.note(entry);
      throw failure;
    }
  }

  /** @returns seconds for which the client is to wait */
  #close(entry: Entry, args: ArrayLike<number>): number {
    const { endpoint, stream } = entry, got = args[2] ?? 0, unread = args[3] ?? 0;
    // Its owner closes it before all else: what it has got must not count as unread.
    if (entry.unclaimed) {
      entry.claimed(got, unread);
      stream!.claim(got);
    }
    if (stream === undefined) endpoint.close();
    else stream.close(!entry.listens && !entry.lingers && (unread > 0 || !entry.knowsAll(got)));
    const seconds = args[1] === 1 ? stream?.lingerSeconds ?? 0 : 0;
    if (seconds > 0) {
      entry.lingers = true;
      this.#forgotten(entry);
      return seconds;
    }
    endpoint.changed = () => {};
    this.#entries.delete(entry.handle);
    return 0;
  }

  #claimedAll(): number {
    for (const handle of this.transport.claimed()) this.#entries.delete(handle);
    return 0;
  }

  #claim(entry: Entry, args: ArrayLike<number>, payload: Uint8Array): number {
    const { endpoint } = entry, got = args[1], unread = args[2];
    if (!entry.unclaimed || payload.length < 8 || !(got >= 0)) fail(E.EBADF);
    entry.claimed(got, unread);
    const sent = streamOf(endpoint as StreamEndpoint).claim(got);
    new DataView(payload.buffer, payload.byteOffset).setFloat64(0, sent, true);
    endpoint.changed = () => this.#news.note(entry);
    const { level } = entry;
    entry.tell(level);
    return level;
  }

  #receive(entry: Entry, args: ArrayLike<number>, payload: Uint8Array): number {
    const flags = args[1], arrived = args[2] ?? 0, controlRoom = args[4] ?? 0;
    const end = payload.length - controlRoom;
    if (!(controlRoom >= 0 && controlRoom <= MOST_CONTROL_BYTES && end >= RECEIVE_HEADER_BYTES)) {
      fail(E.EINVAL);
    }
    const into = payload.subarray(RECEIVE_HEADER_BYTES, end);
    entry.heard(arrived, args[3] ?? 0);
    let got;
    try {
      if (entry.stream !== undefined && !entry.knowsAll(arrived)) fail(E.EAGAIN);
      got = entry.endpoint.receive(into, flags, controlRoom);
    } catch (failure) {
      if ((flags & MSG.ERRQUEUE) !== 0) this.#errorTaken(entry);
      else {
        entry.told &= ~POLL.IN;
        entry.queued = 0;
        if (entry.stream === undefined) entry.told &= ~POLL.ERR;
        this.#news.note(entry);
      }
      throw failure;
    }
    if ((flags & MSG.PEEK) === 0) entry.gave(got.count);
    const from = got.from === undefined
      ? new Uint8Array(0)
      : got.from instanceof Uint8Array
      ? got.from
      : encodeAddress(got.from);
    const view = new DataView(payload.buffer, payload.byteOffset, RECEIVE_HEADER_BYTES);
    view.setInt32(0, got.flags, true);
    const control = "control" in got && got.control !== undefined ? got.control : nothing;
    view.setInt32(4, from.length | control.length << 16, true);
    view.setInt32(8, got.count, true);
    payload.set(from, 12);
    const dataEnd = RECEIVE_HEADER_BYTES + Math.min(got.count, into.length);
    payload.set(control, dataEnd);
    const bit = (flags & MSG.ERRQUEUE) !== 0 ? POLL.ERR : POLL.IN;
    return this.#withLevel(entry, bit, dataEnd + control.length);
  }

  /** Whether a socket is still there. */
  has(entry: Entry): boolean {
    return this.#entries.get(entry.handle) === entry;
  }

  acceptAhead(entry: Entry, into: Uint8Array): boolean {
    if (!entry.acceptsAhead || this.#entries.size >= MAX_SOCKETS) return false;
    const accepted = this.#accept(entry, into.subarray(AcceptedAhead.answer, AcceptedAhead.bytes));
    accepted.acceptedFor(entry);
    new DataView(into.buffer, into.byteOffset).setInt32(
      AcceptedAhead.handle,
      accepted.handle,
      true,
    );
    return true;
  }

  #accept(entry: Entry, payload: Uint8Array): Entry {
    const { endpoint } = entry;
    if (endpoint instanceof NetlinkEndpoint) return fail(E.EOPNOTSUPP);
    if (this.#entries.size >= MAX_SOCKETS) fail(E.ENFILE);
    let made;
    try {
      made = streamOf(endpoint).accept();
    } catch (failure) {
      entry.told &= ~POLL.IN;
      this.#news.note(entry);
      throw failure;
    }
    const accepted = this.#add(made, true);
    accepted.inherit(entry);
    if (payload.length >= AcceptedAt.bytes) {
      const view = new DataView(payload.buffer, payload.byteOffset);
      view.setInt32(AcceptedAt.level, made.readiness, true);
      view.setInt32(AcceptedAt.listener, endpoint.readiness, true);
      // What there is to read comes with the news of it.
      accepted.tell(made.readiness, ~POLL.IN);
      entry.tell(endpoint.readiness, POLL.IN);
      if (made.peer !== undefined) putAddress(payload, AcceptedAt.peer, encodeAddress(made.peer));
      putAddress(payload, AcceptedAt.local, encodeAddress(made.local));
    }
    return accepted;
  }

  #ioctl(endpoint: Endpoint | NetlinkEndpoint, request: number, payload: Uint8Array): number {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (request === SIOCINQ || request === SIOCOUTQ) {
      if (payload.length < 4) fail(E.EINVAL);
      view.setInt32(0, request === SIOCINQ ? endpoint.queuedIn : endpoint.queuedOut, true);
      return 0;
    }
    return interfaceRequest(this.transport, request, payload);
  }

  #proc(index: number, offset: number, payload: Uint8Array): number {
    const name = NetworkTexts[index] ?? fail(E.ENOENT);
    const text = new TextEncoder().encode(networkText(this.transport, name));
    const part = text.subarray(Math.max(0, offset), Math.max(0, offset) + payload.length);
    payload.set(part);
    return part.length;
  }
}

function streamOf(endpoint: Endpoint): StreamEndpoint {
  return "listen" in endpoint ? endpoint as StreamEndpoint : fail(E.EOPNOTSUPP);
}

function destination(payload: Uint8Array, bytes: number): InternetAddress | undefined {
  return bytes === 0 ? undefined : decodeAddress(payload.subarray(0, bytes));
}

export const createSockets: ComponentConstructor = (environment, needs): Component => {
  const first = new Uint8Array(4);
  environment.random(first);
  const handle = new DataView(first.buffer).getUint32(0) >>> 2;
  const sockets = new SocketServer(needs.transport as Transport, handle);
  return {
    provides: { sockets },
    *start() {
      sockets.restore();
    },
  };
};
