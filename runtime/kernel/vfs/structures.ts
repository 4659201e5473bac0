// Structures of Linux riscv64 that file calls fill: statx(2), stat(2), statfs(2), getdents64(2).
import { FL } from "./constants.ts";
import type { Attributes, Usage } from "./filesystem.ts";

export const STATX_BYTES = 256;
export const STATFS_BYTES = 120;
const STATX_BASIC_AND_BTIME = 0xfff, STATX_MNT_ID = 0x1000;
/** Flags of files that `stx_attributes` tells, with the same bits. */
const TOLD_FLAGS = FL.COMPR | FL.IMMUTABLE | FL.APPEND | FL.NODUMP;
const BILLION = 1_000_000_000n;

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Splits nanoseconds since 1970 into seconds (also before 1970) and nanoseconds. */
function splitTime(ns: bigint): [seconds: bigint, nanoseconds: number] {
  const rest = ((ns % BILLION) + BILLION) % BILLION;
  return [(ns - rest) / BILLION, Number(rest)];
}

/** Fills a `struct statx`. Device numbers: major in the upper, minor in the lower 32 bits of 64. @param flags where there are such */
export function putStatx(
  into: Uint8Array,
  attributes: Attributes,
  ino: number,
  device: number,
  flags?: number,
): void {
  const out = view(into);
  out.setUint32(0, STATX_BASIC_AND_BTIME, true);
  out.setUint32(4, attributes.blockBytes, true);
  if (flags !== undefined) {
    out.setUint32(8, flags & TOLD_FLAGS, true);
    out.setUint32(56, TOLD_FLAGS, true);
  }
  out.setUint32(16, attributes.links, true);
  out.setUint32(20, attributes.uid, true);
  out.setUint32(24, attributes.gid, true);
  out.setUint16(28, attributes.mode, true);
  out.setBigUint64(32, BigInt(ino), true);
  out.setBigUint64(40, BigInt(attributes.sizeBytes), true);
  out.setBigUint64(48, BigInt(attributes.blocks), true);
  [attributes.atimeNs, attributes.btimeNs, attributes.ctimeNs, attributes.mtimeNs].forEach(
    (time, index) => {
      const [seconds, nanoseconds] = splitTime(time);
      out.setBigInt64(64 + index * 16, seconds, true);
      out.setUint32(72 + index * 16, nanoseconds, true);
    },
  );
  out.setUint32(128, attributes.rdev >>> 8 & 0xfff, true);
  out.setUint32(132, attributes.rdev & 0xff | attributes.rdev >>> 12 & 0xfff00, true);
  out.setUint32(136, 0, true);
  out.setUint32(140, device, true);
}

/** Says of which mount a `struct statx` is, and what device that is on. */
export function putMount(
  statx: Uint8Array,
  { id, device }: { id: number; device: { major: number; minor: number } },
): void {
  const out = view(statx);
  out.setUint32(0, out.getUint32(0, true) | STATX_MNT_ID, true);
  out.setUint32(136, device.major, true);
  out.setUint32(140, device.minor, true);
  out.setUint32(144, id, true);
}

/** The number of the inode that a `struct statx` is of. */
export function getStatxIno(statx: Uint8Array): number {
  return Number(view(statx).getBigUint64(32, true));
}

/** A `struct stat` (asm-generic) from a `struct statx`. */
export function statFromStatx(statx: Uint8Array, into: Uint8Array): void {
  const from = view(statx), out = view(into);
  out.setBigUint64(0, makeDevice(from.getUint32(136, true), from.getUint32(140, true)), true);
  out.setBigUint64(8, from.getBigUint64(32, true), true);
  out.setUint32(16, from.getUint16(28, true), true);
  out.setUint32(20, from.getUint32(16, true), true);
  out.setUint32(24, from.getUint32(20, true), true);
  out.setUint32(28, from.getUint32(24, true), true);
  out.setBigUint64(32, makeDevice(from.getUint32(128, true), from.getUint32(132, true)), true);
  out.setBigUint64(48, from.getBigUint64(40, true), true);
  out.setUint32(56, from.getUint32(4, true), true);
  out.setBigUint64(64, from.getBigUint64(48, true), true);
  for (const [source, target] of [[64, 72], [112, 88], [96, 104]]) {
    out.setBigInt64(target, from.getBigInt64(source, true), true);
    out.setBigUint64(target + 8, BigInt(from.getUint32(source + 8, true)), true);
  }
}

/** `dev_t` as Linux encodes it in 64 bits for small numbers. */
function makeDevice(major: number, minor: number): bigint {
  return BigInt(minor & 0xff) | BigInt(major) << 8n | BigInt(minor >>> 8) << 20n;
}

/** Fills a `struct statfs`. */
export function putStatfs(into: Uint8Array, usage: Usage): void {
  const out = view(into);
  const words = [
    usage.magic,
    usage.blockBytes,
    usage.blocks,
    usage.freeBlocks,
    usage.availableBlocks,
    usage.files,
    usage.freeFiles,
  ];
  words.forEach((word, index) => out.setBigUint64(index * 8, BigInt(word), true));
  out.setBigUint64(64, BigInt(usage.nameMax), true);
  out.setBigUint64(72, BigInt(usage.blockBytes), true);
}

/** Appends a `struct linux_dirent64`. @returns its bytes, or 0 where it does not fit */
export function putDirent(
  into: Uint8Array,
  offset: number,
  ino: number,
  next: number,
  type: number,
  name: string,
): number {
  const length = (19 + name.length + 1 + 7) & ~7;
  if (offset + length > into.length) return 0;
  const out = view(into);
  out.setBigUint64(offset, BigInt(ino), true);
  out.setBigInt64(offset + 8, BigInt(next), true);
  out.setUint16(offset + 16, length, true);
  out.setUint8(offset + 18, type);
  for (let index = 0; index < name.length; index++) {
    into[offset + 19 + index] = name.charCodeAt(index);
  }
  into.fill(0, offset + 19 + name.length, offset + length);
  return length;
}
