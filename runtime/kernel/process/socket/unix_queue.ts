// What waits at a UNIX socket to be received: datagrams one by one, or a stream whose pieces keep the open files and
// the sender that they came with.
import { MSG } from "../../network/constants.ts";
import type { Description } from "../file/description.ts";
import { type Incoming, type Outgoing, roomOf, scatter, type Sender } from "./socket.ts";
import type { UnixOptions } from "./unix_options.ts";

/** Small pieces of a stream become one of up to this. */
const JOINED_BYTES = 4096;

interface Message {
  data: Uint8Array;
  /** bytes of it that have been read */
  read: number;
  from: Uint8Array;
  rights: Description[];
  sender: Sender;
}

export class UnixQueue {
  /** that wait */
  bytes = 0;
  readonly #messages: Message[] = [];

  /** @param receiver those of the socket that it is at */
  constructor(private readonly receiver: UnixOptions) {}

  /** messages, or pieces of a stream */
  get length(): number {
    return this.#messages.length;
  }

  /** of the next datagram; 0 where there is none */
  get nextBytes(): number {
    return this.#messages[0]?.data.length ?? 0;
  }

  /** Takes a datagram in; the open files that go along are its own from now on. */
  put(data: Uint8Array, from: Uint8Array, { rights, sender }: Outgoing): void {
    this.#messages.push({ data, read: 0, from, rights: rights.splice(0), sender });
    this.bytes += data.length;
  }

  /** The same for a piece of a stream, which may become one with the last. */
  putPiece(data: Uint8Array, from: Uint8Array, outgoing: Outgoing): void {
    const last = this.#messages.at(-1);
    const joins = outgoing.rights.length === 0 && last !== undefined && last.rights.length === 0 &&
      last.sender.pid === outgoing.sender.pid && last.data.length + data.length <= JOINED_BYTES;
    if (!joins) return this.put(data, from, outgoing);
    const joined = new Uint8Array(last.data.length - last.read + data.length);
    joined.set(last.data.subarray(last.read));
    joined.set(data, last.data.length - last.read);
    last.data = joined;
    last.read = 0;
    this.bytes += data.length;
  }

  /** Gives the next datagram, of which there is one. @returns bytes that fit, and those that it has */
  takeMessage(message: Incoming, flags: number): { count: number; bytes: number } {
    const [next] = this.#messages, bytes = next.data.length;
    const count = scatter(next.data, message.parts, 0);
    if (count < bytes) message.flags |= MSG.TRUNC;
    message.address = next.from;
    this.#accompany(message, next, flags);
    if ((flags & MSG.PEEK) === 0) {
      this.#messages.shift();
      this.bytes -= bytes;
    }
    return { count, bytes };
  }

  /** Gives what a stream has. @param before bytes of the receiver's room that are filled @returns bytes given */
  takeStream(message: Incoming, flags: number, before: number): number {
    const room = roomOf(message) - before;
    let done = 0, at = 0;
    while (done < room && at < this.#messages.length) {
      const next = this.#messages[at];
      // Open files come with the first byte that they were sent with.
      if (done > 0 && next.rights.length > 0) break;
      if (done > 0 && this.receiver.passesCredentials && next.sender !== message.sender) break;
      const part = next.data.subarray(next.read, next.read + room - done);
      scatter(part, message.parts, before + done);
      const withRights = next.rights.length > 0;
      this.#accompany(message, next, flags);
      done += part.length;
      if ((flags & MSG.PEEK) !== 0) at++;
      else {
        next.read += part.length;
        this.bytes -= part.length;
        if (next.read === next.data.length) this.#messages.shift();
      }
      if (withRights) break;
    }
    return done;
  }

  #accompany(message: Incoming, next: Message, flags: number): void {
    if (this.receiver.passesCredentials) message.sender = next.sender;
    if ((flags & MSG.PEEK) !== 0) {
      for (const description of next.rights) description.uses++;
      message.rights.push(...next.rights);
    } else message.rights.push(...next.rights.splice(0));
  }

  /** Nobody will receive anything any more. @returns the open files of each message, to be closed */
  clear(): Description[][] {
    return this.#messages.splice(0).map(({ rights }) => rights);
  }
}
