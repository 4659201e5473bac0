// The component `sockets`: serves the calls of protocol.ts on ends of communication that TCP/IP provides.
// Callers are not trusted: every argument is checked. Nothing waits here but EVENTS.
import type { Component, ComponentConstructor } from "../../component.ts";
import { type Blocking, type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Credential, Service, ServiceCall } from "../../service.ts";
import { decodeAddress, encodeAddress, familyOf } from "../address.ts";
import { AF, SHUT, SOCK, SOL } from "../constants.ts";
import type { Endpoint, InternetAddress, StreamEndpoint, Transport } from "../endpoint.ts";
import { POLL } from "../../vfs/constants.ts";
import { FIRST_UNPRIVILEGED_PORT } from "../limits.ts";
import { ProcNet, RECEIVE_HEADER_BYTES, SocketCall } from "../protocol.ts";
import { interfaceRequest } from "./interface_request.ts";
import { NetlinkEndpoint } from "./netlink.ts";
import { procNetText } from "./proc_net.ts";

/** Sockets that one client has. */
const MAX_SOCKETS = 65_536;
const EVENT_BYTES = 8;
const SIOCINQ = 0x541b, SIOCOUTQ = 0x5411;

interface Entry {
  handle: number;
  endpoint: Endpoint | NetlinkEndpoint;
  /** the level that the client was told last */
  told: number;
  /** it waits for connections: each one is news */
  listens: boolean;
  /** bytes that waited when the client was told */
  queued: number;
  /** is in the list of those whose level gained a bit */
  noted: boolean;
  /** the instance before had it, and the client has not asked for it since */
  unclaimed: boolean;
  /** it is closed, and its client waits until the peer has everything */
  lingers: boolean;
}

export class SocketServer implements Service {
  readonly transaction = 0;
  readonly durable = 0;
  readonly #entries = new Map<number, Entry>();
  #noted: Entry[] = [];
  readonly #events = new WaitQueue();
  #lastHandle: number;

  /** @param firstHandle no other instance's, so that what is known of an older one means nothing here */
  constructor(private readonly transport: Transport, firstHandle: number) {
    this.#lastHandle = firstHandle;
    for (const [handle, endpoint] of transport.restored()) {
      this.#entries.set(handle, {
        handle,
        endpoint,
        told: 0,
        queued: 0,
        listens: false,
        noted: false,
        unclaimed: true,
        lingers: false,
      });
    }
  }

  call({ number, args, credential, payload }: ServiceCall): Blocking<number> {
    switch (number) {
      case SocketCall.SOCKET:
        return this.#open(args, credential);
      case SocketCall.EVENTS:
        return this.#tell(payload);
      case SocketCall.PROC:
        return this.#proc(args[0], args[1], payload);
    }
    if (number === SocketCall.IOCTL && args[0] < 0) {
      return interfaceRequest(this.transport, args[1], payload);
    }
    const entry = this.#entries.get(args[0]) ?? fail(E.EBADF);
    const { endpoint } = entry;
    if (number === SocketCall.CLAIM) return this.#claim(entry, args[1], payload);
    // What the client knows of the stream has to be compared first.
    if ((entry.unclaimed || entry.lingers) && number !== SocketCall.CLOSE) fail(E.EBADF);
    switch (number) {
      case SocketCall.SENDTO:
        return this.#send(entry, args[1], args[2], payload);
      case SocketCall.RECVFROM:
        return this.#receive(entry, args[1], args[3] ?? 0, payload);
      case SocketCall.ACCEPT:
        return this.#accept(entry, payload);
      case SocketCall.CLOSE:
        return this.#close(entry, args[1] === 1);
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
        entry.listens = true;
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
        return 0;
      case SocketCall.GETSOCKOPT:
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

  #add(endpoint: Endpoint | NetlinkEndpoint): Entry {
    do this.#lastHandle = this.#lastHandle % 0x7fff_ffff + 1; while (
      this.#entries.has(this.#lastHandle)
    );
    const entry: Entry = {
      handle: this.#lastHandle,
      endpoint,
      told: 0,
      queued: 0,
      listens: false,
      noted: false,
      unclaimed: false,
      lingers: false,
    };
    this.#entries.set(entry.handle, entry);
    if ("keep" in endpoint) (endpoint as StreamEndpoint).keep(entry.handle);
    endpoint.changed = () => this.#note(entry);
    this.#note(entry);
    return entry;
  }

  /** The client is told where the level has gained a bit. */
  #note(entry: Entry): void {
    if (entry.noted || !isNews(entry)) return;
    entry.noted = true;
    this.#noted.push(entry);
    this.#events.wakeAll();
  }

  /** The socket has become something else: the client knows nothing of it, and is told all. */
  #forgotten(entry: Entry): void {
    entry.told = entry.queued = 0;
    this.#note(entry);
  }

  *#tell(payload: Uint8Array): Coroutine<number> {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const most = Math.floor(payload.length / EVENT_BYTES) * EVENT_BYTES;
    if (most === 0) fail(E.EINVAL);
    for (;;) {
      let at = 0, looked = 0;
      while (at < most && looked < this.#noted.length) {
        const entry = this.#noted[looked++];
        entry.noted = false;
        const level = entry.endpoint.readiness;
        if (!isNews(entry) || !this.#entries.has(entry.handle)) continue;
        entry.told = level;
        entry.queued = queuedOf(entry);
        view.setInt32(at, entry.handle, true);
        view.setInt32(at + 4, level, true);
        at += EVENT_BYTES;
      }
      this.#noted = this.#noted.slice(looked);
      if (at > 0) return at;
      yield this.#events;
    }
  }

  /**
   * The level goes with the answer. Of the bit that the call is about the client has now been told; others may
   * wait for the rest, who are woken by an event.
   */
  #withLevel(entry: Entry, bit: number, count: number): number {
    const level = entry.endpoint.readiness;
    entry.told = entry.told & ~bit | level & bit;
    if (bit === POLL.IN) entry.queued = queuedOf(entry);
    return level * 2 ** 32 + count;
  }

  #send(entry: Entry, flags: number, addressBytes: number, payload: Uint8Array): number {
    const { endpoint } = entry;
    if (!(addressBytes >= 0 && addressBytes <= payload.length)) fail(E.EINVAL);
    const data = addressBytes === 0 ? payload : payload.subarray(addressBytes);
    try {
      const count = endpoint instanceof NetlinkEndpoint
        ? endpoint.send(data)
        : endpoint.send(data, flags, destination(payload, addressBytes));
      return this.#withLevel(entry, POLL.OUT, count);
    } catch (failure) {
      // The client takes from an error that there is no room: that there is some is news again, and only that.
      entry.told &= ~POLL.OUT;
      this.#note(entry);
      throw failure;
    }
  }

  /** @returns seconds for which the client is to wait */
  #close(entry: Entry, waits: boolean): number {
    const { endpoint } = entry;
    endpoint.close();
    const seconds = waits && "lingerSeconds" in endpoint
      ? (endpoint as StreamEndpoint).lingerSeconds
      : 0;
    if (seconds > 0) {
      entry.lingers = true;
      this.#forgotten(entry);
      return seconds;
    }
    endpoint.changed = () => {};
    this.#entries.delete(entry.handle);
    return 0;
  }

  #claim(entry: Entry, received: number, payload: Uint8Array): number {
    const { endpoint } = entry;
    if (!entry.unclaimed || payload.length < 8 || !(received >= 0)) fail(E.EBADF);
    entry.unclaimed = false;
    const sent = streamOf(endpoint as StreamEndpoint).claim(received);
    new DataView(payload.buffer, payload.byteOffset).setFloat64(0, sent, true);
    endpoint.changed = () => this.#note(entry);
    const level = endpoint.readiness;
    entry.told = level;
    entry.queued = queuedOf(entry);
    return level;
  }

  #receive(entry: Entry, flags: number, confirmed: number, payload: Uint8Array): number {
    if (payload.length < RECEIVE_HEADER_BYTES) fail(E.EINVAL);
    const into = payload.subarray(RECEIVE_HEADER_BYTES);
    if (confirmed > 0 && "confirm" in entry.endpoint) {
      (entry.endpoint as StreamEndpoint).confirm(confirmed);
    }
    let got;
    try {
      got = entry.endpoint.receive(into, flags);
    } catch (failure) {
      entry.told &= ~POLL.IN;
      entry.queued = 0;
      this.#note(entry);
      throw failure;
    }
    const from = got.from === undefined
      ? new Uint8Array(0)
      : got.from instanceof Uint8Array
      ? got.from
      : encodeAddress(got.from);
    const view = new DataView(payload.buffer, payload.byteOffset, RECEIVE_HEADER_BYTES);
    view.setInt32(0, got.flags, true);
    view.setInt32(4, from.length, true);
    view.setInt32(8, got.count, true);
    payload.set(from, 12);
    return this.#withLevel(entry, POLL.IN, RECEIVE_HEADER_BYTES + Math.min(got.count, into.length));
  }

  #accept(entry: Entry, payload: Uint8Array): number {
    const { endpoint } = entry;
    if (endpoint instanceof NetlinkEndpoint) return fail(E.EOPNOTSUPP);
    if (this.#entries.size >= MAX_SOCKETS) fail(E.ENFILE);
    let made;
    try {
      made = streamOf(endpoint).accept();
    } catch (failure) {
      entry.told &= ~POLL.IN;
      this.#note(entry);
      throw failure;
    }
    const { handle } = this.#add(made);
    if (payload.length >= 8) {
      new DataView(payload.buffer, payload.byteOffset).setInt32(0, made.readiness, true);
      if (made.peer !== undefined) putAddress(payload, 4, encodeAddress(made.peer));
    }
    return handle;
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
    const name = ProcNet[index] ?? fail(E.ENOENT);
    const text = new TextEncoder().encode(procNetText(this.transport, name));
    const part = text.subarray(Math.max(0, offset), Math.max(0, offset) + payload.length);
    payload.set(part);
    return part.length;
  }
}

function queuedOf({ endpoint, listens }: Entry): number {
  return listens ? 0 : endpoint.queuedIn;
}

/** Whether the client has to be told: of a bit that was gained, of hanging up that is over, of more data. */
function isNews(entry: Entry): boolean {
  const { endpoint, told, queued, listens } = entry;
  const level = endpoint.readiness;
  return (level & ~told | told & ~level & (POLL.HUP | POLL.ERR)) !== 0 ||
    (level & POLL.IN) !== 0 && (listens || queuedOf(entry) > queued);
}

/** Calls that a netlink socket answers as far as programs ask. */
function netlinkCall(
  endpoint: NetlinkEndpoint,
  number: number,
  args: ArrayLike<number>,
  payload: Uint8Array,
): number {
  switch (number) {
    case SocketCall.BIND:
      endpoint.bind(payload);
      return 0;
    case SocketCall.CONNECT:
    case SocketCall.SHUTDOWN:
    case SocketCall.SETSOCKOPT:
      return 0;
    case SocketCall.GETSOCKNAME:
      return putAddress(payload, 0, endpoint.name);
    case SocketCall.GETPEERNAME:
      return fail(E.ENOTCONN);
    case SocketCall.GETSOCKOPT:
      if (args[1] !== SOL.SOCKET) fail(E.ENOPROTOOPT);
      return put(
        payload,
        new Uint8Array(Int32Array.of(args[2] === 7 || args[2] === 8 ? 212_992 : 0).buffer),
      );
  }
  return fail(E.EOPNOTSUPP);
}

function streamOf(endpoint: Endpoint): StreamEndpoint {
  return "listen" in endpoint ? endpoint as StreamEndpoint : fail(E.EOPNOTSUPP);
}

function destination(payload: Uint8Array, bytes: number): InternetAddress | undefined {
  return bytes === 0 ? undefined : decodeAddress(payload.subarray(0, bytes));
}

function put(payload: Uint8Array, bytes: Uint8Array): number {
  const count = Math.min(bytes.length, payload.length);
  payload.set(bytes.subarray(0, count));
  return count;
}

/** A sockaddr behind a word with its length. */
function putAddress(payload: Uint8Array, at: number, address: Uint8Array): number {
  if (payload.length < at + 4 + address.length) fail(E.EINVAL);
  new DataView(payload.buffer, payload.byteOffset).setInt32(at, address.length, true);
  payload.set(address, at + 4);
  return 0;
}

export const createSockets: ComponentConstructor = (environment, needs): Component => {
  const first = new Uint8Array(4);
  environment.random(first);
  const handle = new DataView(first.buffer).getUint32(0) >>> 2;
  return { provides: { sockets: new SocketServer(needs.transport as Transport, handle) } };
};
