// Which way a call's payload travels through a ring, so that large transfers are copied once.
import { SocketCall } from "../../network/protocol.ts";
import { Call, Private } from "../../vfs/protocol.ts";

/**
 * Calls of the interface `disk`. PROPERTIES fills [sectors low, sectors high, flags]; the others take
 * [sector, sectors]. READ answers with its bytes, the rest with 0. Numbers that no file call has.
 */
export const DiskCall = {
  PROPERTIES: 2048,
  READ: 2049,
  WRITE: 2050,
  FLUSH: 2051,
  DISCARD: 2052,
  WRITE_ZEROES: 2053,
} as const;

/**
 * Calls of the interface `frames`. PROPERTIES fills [hardware address, flags, MTU]; SEND takes a batch of frames and
 * answers with 0; RECEIVE waits for one and answers with its bytes.
 */
export const FrameCall = { PROPERTIES: 2064, SEND: 2065, RECEIVE: 2066 } as const;

/** "out": the status says how many bytes are output; "in": nothing comes back; "both": all of it, both ways. */
export type PayloadFlow = "in" | "out" | "both";

export function payloadFlow(number: number): PayloadFlow {
  switch (number) {
    case Call.PREAD64:
    case Call.GETDENTS64:
    case Private.DISK_READ:
    case DiskCall.READ:
    case FrameCall.RECEIVE:
    case SocketCall.RECVFROM:
    case SocketCall.EVENTS:
    case SocketCall.PROC:
      return "out";
    case Call.PWRITE64:
    case Call.FSETXATTR:
    case Call.FREMOVEXATTR:
    case DiskCall.WRITE:
    case FrameCall.SEND:
    case SocketCall.SENDTO:
    case SocketCall.BIND:
    case SocketCall.CONNECT:
    case SocketCall.SETSOCKOPT:
      return "in";
    default:
      return "both";
  }
}
