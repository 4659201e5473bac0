// Extended attributes on the disk: `struct ext4_xattr_entry`s from the start of an area on, their values from
// its end down, in the space that an inode leaves, or in a block with a header of its own.
import { E, fail } from "../../errno.ts";
import { crc32c, crc32cWord } from "./checksum.ts";
import type { Superblock } from "./superblock.ts";

export const ATTRIBUTES_MAGIC = 0xea02_0000;
/** Bytes before the entries: of an inode's area, and of a block. */
export const BODY_HEADER_BYTES = 4, BLOCK_HEADER_BYTES = 32;
const ENTRY_BYTES = 16;
const ALIGNMENT = 4;
/** Offsets in an entry; of those of a block's header. */
const Entry = { NAME_LENGTH: 0, INDEX: 1, OFFSET: 2, INODE: 4, SIZE: 8, HASH: 12 } as const;
const Header = { MAGIC: 0, USES: 4, BLOCKS: 8, HASH: 12, CHECKSUM: 16 } as const;
const NAME_SHIFT = 5, VALUE_SHIFT = 16;
/** What names begin with, by the number that stands for it. */
const PREFIXES = new Map([
  [1, "user."],
  [2, "system.posix_acl_access"],
  [3, "system.posix_acl_default"],
  [4, "trusted."],
  [6, "security."],
  [7, "system."],
]);

/** An attribute: its whole name, a byte string, and its value. */
export interface Attribute {
  name: string;
  value: Uint8Array;
}

function rounded(bytes: number): number {
  return bytes + ALIGNMENT - 1 & ~(ALIGNMENT - 1);
}

/** The number of a prefix, and the rest of the name. @throws Errno EOPNOTSUPP */
function shortName(name: string): { index: number; rest: string } {
  for (const [index, prefix] of PREFIXES) {
    if (name.startsWith(prefix)) return { index, rest: name.slice(prefix.length) };
  }
  return fail(E.EOPNOTSUPP);
}

/** Bytes that an attribute takes, entry and value. */
export function attributeBytes({ name, value }: Attribute): number {
  return ENTRY_BYTES + rounded(shortName(name).rest.length) + rounded(value.length);
}

/** Bytes that attributes take with the zeros after their entries. */
export function attributesBytes(attributes: Attribute[]): number {
  return attributes.reduce((sum, each) => sum + attributeBytes(each), ALIGNMENT);
}

/** Which names are asked for. */
export type Wanted = (name: string) => boolean;

/** Whether a name is that of an access control list: what stands for it is all of it. */
export function isListName(name: string): boolean {
  return name === PREFIXES.get(2) || name === PREFIXES.get(3);
}

/**
 * Reads the attributes of an area.
 * @param entries where they begin @param base what offsets of values count from
 * @param wanted others are passed over, whatever they are
 * @throws Errno EUCLEAN for what cannot be, EOPNOTSUPP for a value in an inode of its own
 */
export function readAttributes(
  bytes: Uint8Array,
  entries: number,
  base: number,
  wanted: Wanted | undefined,
): Attribute[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: Attribute[] = [];
  for (let at = entries; at + ALIGNMENT <= bytes.length && view.getUint32(at, true) !== 0;) {
    if (at + ENTRY_BYTES > bytes.length) fail(E.EUCLEAN);
    const nameLength = bytes[at + Entry.NAME_LENGTH];
    const nameEnd = at + ENTRY_BYTES + nameLength;
    if (nameEnd > bytes.length) fail(E.EUCLEAN);
    const prefix = PREFIXES.get(bytes[at + Entry.INDEX]);
    const rest = String.fromCharCode(...bytes.subarray(at + ENTRY_BYTES, nameEnd));
    if (wanted === undefined || prefix !== undefined && wanted(prefix + rest)) {
      if (prefix === undefined) return fail(E.EUCLEAN);
      const start = base + view.getUint16(at + Entry.OFFSET, true);
      const size = view.getUint32(at + Entry.SIZE, true);
      if (view.getUint32(at + Entry.INODE, true) !== 0) fail(E.EOPNOTSUPP);
      if (size > 0 && start + size > bytes.length) fail(E.EUCLEAN);
      found.push({ name: prefix + rest, value: bytes.slice(start, start + size) });
    }
    at += ENTRY_BYTES + rounded(nameLength);
  }
  return found;
}

/** As blocks are ordered: by prefix, length and bytes. */
function compare(one: Attribute, other: Attribute): number {
  const a = shortName(one.name), b = shortName(other.name);
  return a.index - b.index || a.rest.length - b.rest.length ||
    (a.rest < b.rest ? -1 : a.rest > b.rest ? 1 : 0);
}

/** Puts attributes into an area, which begins with its entries; they must fit. */
export function writeAttributes(
  bytes: Uint8Array,
  entries: number,
  base: number,
  attributes: Attribute[],
  hashed: boolean,
): void {
  bytes.fill(0, entries);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = entries, end = bytes.length;
  for (const { name, value } of attributes.toSorted(compare)) {
    const { index, rest } = shortName(name);
    end -= rounded(value.length);
    bytes.set(value, end);
    bytes[at + Entry.NAME_LENGTH] = rest.length;
    bytes[at + Entry.INDEX] = index;
    view.setUint16(at + Entry.OFFSET, value.length === 0 ? 0 : end - base, true);
    view.setUint32(at + Entry.SIZE, value.length, true);
    for (let each = 0; each < rest.length; each++) {
      bytes[at + ENTRY_BYTES + each] = rest.charCodeAt(each);
    }
    if (hashed) view.setUint32(at + Entry.HASH, hashOf(rest, view, end, value.length), true);
    at += ENTRY_BYTES + rounded(rest.length);
  }
}

function rotated(hash: number, shift: number): number {
  return hash << shift ^ hash >>> 32 - shift;
}

function hashOf(name: string, view: DataView, value: number, size: number): number {
  let hash = 0;
  for (let each = 0; each < name.length; each++) {
    hash = rotated(hash, NAME_SHIFT) ^ name.charCodeAt(each);
  }
  for (let at = value; at < value + rounded(size); at += ALIGNMENT) {
    hash = rotated(hash, VALUE_SHIFT) ^ view.getUint32(at, true);
  }
  return hash >>> 0;
}

/** How many inodes use a block of attributes. */
export function usesOfBlock(view: DataView): number {
  return view.getUint32(Header.USES, true);
}

export function setUsesOfBlock(view: DataView, uses: number): void {
  view.setUint32(Header.USES, uses, true);
}

/** Lays out a block of attributes that one inode uses. */
export function fillBlock(bytes: Uint8Array, attributes: Attribute[]): void {
  bytes.fill(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  writeAttributes(bytes, BLOCK_HEADER_BYTES, 0, attributes, true);
  view.setUint32(Header.MAGIC, ATTRIBUTES_MAGIC, true);
  setUsesOfBlock(view, 1);
  view.setUint32(Header.BLOCKS, 1, true);
  let hash = 0;
  for (let at = BLOCK_HEADER_BYTES; view.getUint32(at, true) !== 0;) {
    const each = view.getUint32(at + Entry.HASH, true);
    if (each === 0) {
      hash = 0;
      break;
    }
    hash = rotated(hash, VALUE_SHIFT) ^ each;
    at += ENTRY_BYTES + rounded(bytes[at + Entry.NAME_LENGTH]);
  }
  view.setUint32(Header.HASH, hash >>> 0, true);
}

function blockChecksum(superblock: Superblock, bytes: Uint8Array, block: number): number {
  const copy = bytes.slice();
  copy.fill(0, Header.CHECKSUM, Header.CHECKSUM + 4);
  const number = crc32cWord(crc32cWord(superblock.seed, block >>> 0), Math.floor(block / 2 ** 32));
  return crc32c(number, copy);
}

/** Gives a block of attributes its checksum. */
export function sealBlock(superblock: Superblock, bytes: Uint8Array, block: number): void {
  if (!superblock.checksums) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(Header.CHECKSUM, blockChecksum(superblock, bytes, block), true);
}

/** Whether a block is one of attributes, and undamaged. */
export function isAttributeBlock(
  superblock: Superblock,
  bytes: Uint8Array,
  block: number,
): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(Header.MAGIC, true) !== ATTRIBUTES_MAGIC) return false;
  if (view.getUint32(Header.BLOCKS, true) !== 1) return false;
  return !superblock.checksums ||
    view.getUint32(Header.CHECKSUM, true) === blockChecksum(superblock, bytes, block);
}
