// Sockets of the network slice as system calls see them: calls on handles of its server (served_handle.ts), in this
// domain or in another. What they are ready for is known here, so that poll and epoll ask nobody. Streams and
// datagrams have these calls in common.
import type { Blocking, Coroutine } from "../../coroutine.ts";
import { SO, SOL } from "../../network/constants.ts";
import { ENDED, SocketCall } from "../../network/protocol.ts";
import type { Credential } from "../../service.ts";
import { POLL } from "../../vfs/constants.ts";
import { getInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import type { InternetSockets } from "./internet_sockets.ts";
import { ServedHandle } from "./served_handle.ts";
import { type Outgoing, Socket } from "./socket.ts";

const MAX_ADDRESS_BYTES = 128;
const SIOCINQ = 0x541b;
const nothing = new Uint8Array(0);

export abstract class InternetSocket extends Socket {
  protected readonly served: ServedHandle;

  constructor(
    protected readonly server: InternetSockets,
    handle: number,
    protected readonly credential: Credential,
    family: number,
    type: number,
    protocol: number,
    flags: number,
  ) {
    super(server.environment, family, type, protocol, flags);
    this.served = new ServedHandle(server, this, handle, credential);
  }

  /** The server has it, and may have told of it before that was known here. @param generation of that server */
  made(handle: number, generation: number): void {
    this.server.made(this.served, handle, generation);
  }

  get inode(): number {
    return this.served.inode;
  }

  bind(_process: Process, address: Uint8Array): Coroutine<number> {
    return this.served.step(SocketCall.BIND, [], address);
  }

  abstract override connect(process: Process, address: Uint8Array): Coroutine<number>;
  abstract override accept(flags: number): Coroutine<{ socket: Socket; address: Uint8Array }>;

  listen(_process: Process, backlog: number): Coroutine<number> {
    return this.served.step(SocketCall.LISTEN, [backlog]);
  }

  shutdown(how: number): Coroutine<number> {
    return this.served.shutdown(how);
  }

  *localName(): Coroutine<Uint8Array> {
    const payload = new Uint8Array(4 + MAX_ADDRESS_BYTES);
    yield* this.served.call(SocketCall.GETSOCKNAME, [], payload);
    return addressAt(payload, 0);
  }

  *peerName(): Coroutine<Uint8Array> {
    const payload = new Uint8Array(4 + MAX_ADDRESS_BYTES);
    yield* this.served.call(SocketCall.GETPEERNAME, [], payload);
    return addressAt(payload, 0);
  }

  protected setOwnOption(level: number, name: number, value: Uint8Array): Coroutine<number> {
    return this.served.step(SocketCall.SETSOCKOPT, [level, name], value);
  }

  protected *ownOption(level: number, name: number): Coroutine<Uint8Array> {
    const payload = new Uint8Array(256);
    const count = yield* this.served.call(SocketCall.GETSOCKOPT, [level, name], payload);
    if (level === SOL.SOCKET && name === SO.ERROR) this.served.level &= ~POLL.ERR;
    return payload.slice(0, count);
  }

  /** ioctl(2) on the interfaces of the machine, and SIOCINQ. */
  ioctl(request: number, argument: Uint8Array): Coroutine<number> {
    return this.served.call(SocketCall.IOCTL, [request], argument);
  }

  *available(): Coroutine<number> {
    const bytes = new Uint8Array(4);
    yield* this.ioctl(SIOCINQ, bytes);
    return getInt(bytes, 0) + this.served.ahead.length;
  }

  poll(events: number): number {
    const { level, ahead, connections } = this.served;
    const here = ahead.length > 0 || connections.length > 0 ? POLL.IN : 0;
    return (level | here) & (events & ~ENDED | POLL.ERR | POLL.HUP);
  }

  release(waits = false): Blocking<void> {
    return this.served.close(waits);
  }
}

/** What a call that sends has for the server: a sockaddr and control messages, where there are any, then data. */
export function outgoingPayload(
  { address = nothing, control = nothing }: Outgoing,
  data: Uint8Array,
): Uint8Array {
  const dataAt = address.length + control.length;
  if (dataAt === 0) return data;
  const payload = new Uint8Array(dataAt + data.length);
  payload.set(address);
  payload.set(control, address.length);
  payload.set(data, dataAt);
  return payload;
}

/** A sockaddr behind a word with its length. */
export function addressAt(payload: Uint8Array, at: number): Uint8Array {
  return payload.slice(at + 4, at + 4 + Math.min(getInt(payload, at), MAX_ADDRESS_BYTES));
}
