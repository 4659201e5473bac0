// Options of a UNIX socket (socket(7), unix(7)): what programs set, and what of it means something here.
import { E, fail } from "../../errno.ts";
import { SO, SOL } from "../../network/constants.ts";
import { getInt } from "../little_endian.ts";
import { intOption } from "./socket.ts";

/** SO_SNDBUF and SO_RCVBUF, as Linux has them unless told. */
const BUFFER_BYTES = 212_992;
const LEAST_SEND_BYTES = 4608;

export class UnixOptions {
  /** whoever receives wants to know who sent (SO_PASSCRED) */
  passesCredentials = false;
  /** that what it sent may take until it is received (SO_SNDBUF) */
  sendBytes = BUFFER_BYTES;
  /** the rest, which is kept and told */
  readonly #kept = new Map<number, number>();

  /** setsockopt(2). @throws Errno ENOPROTOOPT for what is only told, EINVAL */
  set(level: number, name: number, value: Uint8Array): void {
    if (level !== SOL.SOCKET) fail(E.ENOPROTOOPT);
    if (value.length < 4) fail(E.EINVAL);
    const number = getInt(value, 0);
    switch (name) {
      case SO.PASSCRED:
        this.passesCredentials = number !== 0;
        return;
      case SO.SNDBUF:
      case SO.SNDBUFFORCE:
        this.sendBytes = Math.min(Math.max(number * 2, LEAST_SEND_BYTES), 2 * BUFFER_BYTES);
        return;
      case SO.TYPE:
      case SO.ERROR:
      case SO.PEERCRED:
      case SO.ACCEPTCONN:
        return fail(E.ENOPROTOOPT);
    }
    this.#kept.set(name, number);
  }

  /** getsockopt(2); 0 for what was not set. @throws Errno ENOPROTOOPT */
  get(level: number, name: number): Uint8Array {
    if (level !== SOL.SOCKET) fail(E.ENOPROTOOPT);
    switch (name) {
      case SO.PASSCRED:
        return intOption(this.passesCredentials ? 1 : 0);
      case SO.SNDBUF:
        return intOption(this.sendBytes);
      case SO.RCVBUF:
        return intOption(this.#kept.get(name) ?? BUFFER_BYTES);
      case SO.LINGER:
        return new Uint8Array(8);
    }
    return intOption(this.#kept.get(name) ?? 0);
  }
}
