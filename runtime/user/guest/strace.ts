// System calls of guest threads as text, one line each: thread, serving domain, name, arguments, result.
// What arguments look like follows from the table's kinds.
import { systemCall } from "../../../schemas/syscalls.ts";
import type { RoutePlan } from "../../../schemas/plan.ts";
import { Errno, errnoName } from "../../kernel/errno.ts";
import { AT } from "../../kernel/vfs/constants.ts";
import { signed, unsigned } from "./arguments.ts";
import type { GuestThread } from "./guest_thread.ts";
import { PageNeeded } from "./user_access.ts";

/** Bytes of a buffer, and characters of a path, that are shown. */
const SHOWN_BYTES = 32;
const SHOWN_PATH = 256;

/** @param write gets each line @returns the observer of calls that have been answered */
export function traceCalls(routes: RoutePlan[], write: (line: string) => void) {
  const domains = new Map(routes.map(({ number, domain }) => [number, domain]));
  return (thread: GuestThread, number: number, registers: Int32Array, status: number): void => {
    const call = systemCall(number);
    const domain = domains.get(number) ?? "-";
    const head = `[${thread.tid}] ${domain.padEnd(8)} `;
    if (call === undefined) {
      return write(`${head}call ${number}(...) = ${resultText(status)}`);
    }
    const kinds = call.args === "" ? [] : call.args.split(" ");
    const shown = kinds.map((kind, index) => argumentText(thread, kind, registers, index, status));
    write(`${head}${call.name}(${shown.join(", ")}) = ${resultText(status)}`);
  };
}

function resultText(status: number): string {
  if (status >= 0) return status < 2 ** 31 ? String(status) : hex(status);
  return `-1 ${errnoName(-status)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function argumentText(
  thread: GuestThread,
  kind: string,
  registers: Int32Array,
  index: number,
  status: number,
): string {
  const word = registers[index * 2], address = unsigned(registers, index);
  switch (kind) {
    case "fd":
      return word === AT.FDCWD ? "AT_FDCWD" : String(word);
    case "int":
      return String(word);
    case "uint":
      return String(word >>> 0);
    case "flags":
      return word === 0 ? "0" : hex(word >>> 0);
    case "mode":
      return `0${(word >>> 0).toString(8)}`;
    case "size":
      return String(address);
    case "offset":
      return String(signed(registers, index));
    case "path":
    case "path?":
      return pathText(thread, address);
    case "bufferIn":
      return bytesText(thread, address, unsigned(registers, index + 1));
    case "bufferOut":
      return status > 0 ? bytesText(thread, address, status) : hex(address);
    default:
      return address === 0 ? "NULL" : hex(address);
  }
}

/** What user memory holds, as far as it is at hand. */
function peek(address: number, read: () => string): string {
  try {
    return read();
  } catch (failure) {
    if (failure instanceof PageNeeded || failure instanceof Errno) return hex(address);
    throw failure;
  }
}

function pathText(thread: GuestThread, address: number): string {
  if (address === 0) return "NULL";
  return peek(address, () => JSON.stringify(thread.access.readText(address, SHOWN_PATH)));
}

function bytesText(thread: GuestThread, address: number, length: number): string {
  return peek(address, () => {
    const bytes = thread.access.read(address, Math.min(length, SHOWN_BYTES));
    const text = JSON.stringify(String.fromCharCode(...bytes));
    return length > SHOWN_BYTES ? `${text}...` : text;
  });
}
