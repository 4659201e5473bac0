// Access control lists as ext4 keeps them in attributes: entries that name nobody have no number.
import { E, fail } from "../../errno.ts";
import {
  type AccessEntry,
  type AccessList,
  isAccessList,
  names,
  NO_ID,
  Tag,
} from "../../vfs/access_list.ts";

const VERSION = 1, HEADER_BYTES = 4, SHORT_BYTES = 4, LONG_BYTES = 8;

/** @returns undefined for one without entries @throws Errno EUCLEAN for what is none */
export function readAccessList(bytes: Uint8Array): AccessList | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEADER_BYTES || view.getUint32(0, true) !== VERSION) fail(E.EUCLEAN);
  const list: AccessEntry[] = [];
  for (let at = HEADER_BYTES; at < bytes.length;) {
    if (at + SHORT_BYTES > bytes.length) fail(E.EUCLEAN);
    const tag = view.getUint16(at, true), permissions = view.getUint16(at + 2, true);
    const long = tag === Tag.USER || tag === Tag.GROUP;
    if (long && at + LONG_BYTES > bytes.length) fail(E.EUCLEAN);
    list.push({ tag, permissions, id: long ? view.getUint32(at + SHORT_BYTES, true) : NO_ID });
    at += long ? LONG_BYTES : SHORT_BYTES;
  }
  if (list.length === 0) return undefined;
  return isAccessList(list) ? list : fail(E.EUCLEAN);
}

export function writeAccessList(list: AccessList): Uint8Array {
  const named = list.filter(names).length;
  const bytes = new Uint8Array(
    HEADER_BYTES + (list.length - named) * SHORT_BYTES + named * LONG_BYTES,
  );
  const view = new DataView(bytes.buffer);
  view.setUint32(0, VERSION, true);
  let at = HEADER_BYTES;
  for (const entry of list) {
    view.setUint16(at, entry.tag, true);
    view.setUint16(at + 2, entry.permissions, true);
    at += SHORT_BYTES;
    if (!names(entry)) continue;
    view.setUint32(at, entry.id, true);
    at += LONG_BYTES - SHORT_BYTES;
  }
  return bytes;
}
