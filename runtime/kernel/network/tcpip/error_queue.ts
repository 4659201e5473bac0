// The error queue of a socket of datagrams (IP_RECVERR in ip(7), IPV6_RECVERR in ipv6(7)): what ICMP reports of what it
// sent, and what was too large to be sent, each with the datagram that it is about.
import { E, fail } from "../../errno.ts";
import { encodeAddress } from "../address.ts";
import { IP, IPV6, MSG, SOL } from "../constants.ts";
import { ControlWriter } from "../control.ts";
import type { InternetAddress, Received } from "../endpoint.ts";
import { type Arrival, putAncillary } from "./ancillary.ts";
import type { SocketOptions } from "./socket_options.ts";

/** Who found the error (SO_EE_ORIGIN_…). */
export const Origin = { LOCAL: 1, ICMP: 2, ICMP6: 3 } as const;

export interface QueuedError {
  errno: number;
  /** one of `Origin` */
  origin: number;
  /** of ICMP */
  type: number;
  code: number;
  /** the MTU, or where a header is wrong */
  info: number;
  /** who reported it */
  offender: InternetAddress | undefined;
  /** what is left of the datagram */
  data: Uint8Array;
  /** where the datagram was sent to */
  to: InternetAddress;
  /** how the report came, where that is known */
  arrival: Arrival | undefined;
}

/** Errors that wait; later ones are lost. */
const MOST_ERRORS = 128;
/** `struct sock_extended_err`, which the address of the offender follows. */
const ERROR_BYTES = 16, OFFENDER_4_BYTES = 16, OFFENDER_6_BYTES = 28;

export class ErrorQueue {
  readonly #errors: QueuedError[] = [];

  get length(): number {
    return this.#errors.length;
  }

  push(error: QueuedError): void {
    if (this.#errors.length < MOST_ERRORS) this.#errors.push(error);
  }

  /** The error number of the next one that ICMP has reported; 0 where it is none of those. */
  get pending(): number {
    const [next] = this.#errors;
    return next === undefined || next.origin === Origin.LOCAL ? 0 : next.errno;
  }

  clear(): void {
    this.#errors.length = 0;
  }

  /** @param six whether the socket is one of IPv6 @throws Errno EAGAIN where there is none */
  take(into: Uint8Array, options: SocketOptions, six: boolean, controlRoom: number): Received {
    const error = this.#errors.shift() ?? fail(E.EAGAIN);
    const count = Math.min(into.length, error.data.length);
    into.set(error.data.subarray(0, count));
    const writer = new ControlWriter(new Uint8Array(controlRoom));
    if (error.arrival !== undefined) putAncillary(writer, error.arrival, options, six);
    const [level, type] = six ? [SOL.IPV6, IPV6.RECVERR] : [SOL.IP, IP.RECVERR];
    writer.put(level, type, extendedError(error, six));
    const cut = (count < error.data.length ? MSG.TRUNC : 0) | (writer.truncated ? MSG.CTRUNC : 0);
    return { count, from: error.to, flags: MSG.ERRQUEUE | cut, control: writer.written };
  }
}

function extendedError(error: QueuedError, six: boolean): Uint8Array {
  const bytes = new Uint8Array(ERROR_BYTES + (six ? OFFENDER_6_BYTES : OFFENDER_4_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, error.errno, true);
  bytes.set([error.origin, error.type, error.code], 4);
  view.setUint32(8, error.info, true);
  if (error.offender !== undefined) bytes.set(encodeAddress(error.offender), ERROR_BYTES);
  return bytes;
}
