// What calls of the server write into their payloads.
import { E, fail } from "../../errno.ts";

/** As much of an option's value as there is room for. @returns bytes */
export function put(payload: Uint8Array, bytes: Uint8Array): number {
  const count = Math.min(bytes.length, payload.length);
  payload.set(bytes.subarray(0, count));
  return count;
}

/** A sockaddr behind a word with its length. @returns the status of a call that says no more */
export function putAddress(payload: Uint8Array, at: number, address: Uint8Array): number {
  if (payload.length < at + 4 + address.length) fail(E.EINVAL);
  new DataView(payload.buffer, payload.byteOffset).setInt32(at, address.length, true);
  payload.set(address, at + 4);
  return 0;
}
