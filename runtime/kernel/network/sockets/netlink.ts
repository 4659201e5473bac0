// Sockets of netlink(7): a request is answered at once, and the answer waits to be received. Of its families there
// are the two that programs ask: routes with all that belongs to them, and sockets.
import { E, fail } from "../../errno.ts";
import { joined } from "../../pieces.ts";
import { AF, MSG, SOCK } from "../constants.ts";
import type { Transport } from "../endpoint.ts";
import { HEADER_BYTES, message, NLM_F, type Request, word } from "./netlink_message.ts";
import { dumpRoutes, RTM_GETLINK } from "./netlink_route.ts";
import { dumpSockets } from "./netlink_sockets.ts";

const NETLINK = { ROUTE: 0, SOCK_DIAG: 4 } as const;
const NLMSG = { ERROR: 2, DONE: 3 } as const;
const POLLIN = 1, POLLOUT = 4;
/** `struct sockaddr_nl` */
const ADDRESS_BYTES = 12;
/** About as much is received at a time. */
const ANSWER_BYTES = 16_384;
let lastPort = 1 << 20;

export class NetlinkEndpoint {
  changed: () => void = () => {};
  inode = 0;
  readonly #answers: Uint8Array[] = [];
  #port = 0;
  private readonly dump: typeof dumpRoutes;

  /** @throws Errno ESOCKTNOSUPPORT, EPROTONOSUPPORT */
  constructor(private readonly transport: Transport, type: number, protocol: number) {
    if (type !== SOCK.RAW && type !== SOCK.DGRAM) fail(E.ESOCKTNOSUPPORT);
    if (protocol === NETLINK.ROUTE) this.dump = dumpRoutes;
    else if (protocol === NETLINK.SOCK_DIAG) this.dump = dumpSockets;
    else fail(E.EPROTONOSUPPORT);
  }

  get readiness(): number {
    return POLLOUT | (this.#answers.length > 0 ? POLLIN : 0);
  }
  get queuedIn(): number {
    return this.#answers[0]?.length ?? 0;
  }
  get queuedOut(): number {
    return 0;
  }

  /** `struct sockaddr_nl` of the socket. */
  get name(): Uint8Array {
    return addressOf(this.#port);
  }

  /** @param address port 0 for one that nobody has */
  bind(address: Uint8Array): void {
    if (address.length < ADDRESS_BYTES) fail(E.EINVAL);
    const view = new DataView(address.buffer, address.byteOffset, ADDRESS_BYTES);
    if (view.getUint16(0, true) !== AF.NETLINK) fail(E.EINVAL);
    // Nobody sends to groups: there is nothing to be told of later.
    this.#port = view.getUint32(4, true) || ++lastPort;
  }

  send(data: Uint8Array): number {
    if (this.#port === 0) this.#port = ++lastPort;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at + HEADER_BYTES <= data.length;) {
      const length = view.getUint32(at, true);
      if (length < HEADER_BYTES || at + length > data.length) break;
      this.#answer(view, at, length);
      at += Math.ceil(length / 4) * 4;
    }
    this.changed();
    return data.length;
  }

  #answer(view: DataView, at: number, length: number): void {
    const flags = view.getUint16(at + 6, true);
    const request: Request = {
      type: view.getUint16(at + 4, true),
      sequence: view.getUint32(at + 8, true),
      port: this.#port,
      body: new Uint8Array(view.buffer, view.byteOffset + at, length).slice(HEADER_BYTES),
    };
    const { sequence, port } = request;
    const all = (flags & NLM_F.DUMP) !== 0 || request.type === RTM_GETLINK;
    const parts = all ? this.dump(this.transport, request) : undefined;
    if (parts === undefined) {
      const body = new Uint8Array(4 + HEADER_BYTES);
      body.set(word(-E.EOPNOTSUPP));
      body.set(new Uint8Array(view.buffer, view.byteOffset + at, HEADER_BYTES), 4);
      this.#answers.push(message(NLMSG.ERROR, 0, sequence, port, body));
      return;
    }
    parts.push(message(NLMSG.DONE, NLM_F.MULTI, sequence, port, word(0)));
    for (let first = 0; first < parts.length;) {
      let end = first, bytes = 0;
      do bytes += parts[end++].length; while (end < parts.length && bytes < ANSWER_BYTES);
      this.#answers.push(joined(parts.slice(first, end)));
      first = end;
    }
  }

  receive(into: Uint8Array, flags: number): { count: number; flags: number; from: Uint8Array } {
    const next = this.#answers[0] ?? fail(E.EAGAIN);
    const part = next.subarray(0, into.length);
    into.set(part);
    if ((flags & MSG.PEEK) === 0) this.#answers.shift();
    const truncated = part.length < next.length;
    return {
      count: (flags & MSG.TRUNC) !== 0 ? next.length : part.length,
      flags: truncated ? MSG.TRUNC : 0,
      from: addressOf(0),
    };
  }

  close(): void {}
}

function addressOf(port: number): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  bytes[0] = AF.NETLINK;
  bytes.set(word(port), 4);
  return bytes;
}
