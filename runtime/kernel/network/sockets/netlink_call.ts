// Calls on netlink sockets (netlink(7)), as far as programs make any but to send and to receive.
import { E, fail } from "../../errno.ts";
import { SOL } from "../constants.ts";
import { SocketCall } from "../protocol.ts";
import { put, putAddress } from "./answers.ts";
import type { NetlinkEndpoint } from "./netlink.ts";

/** @returns the call's status @throws Errno */
export function netlinkCall(
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
