// The headers of an ELF file (System V ABI, chapter 4 and 5), as far as a program loader needs them. The
// file is hostile input: every field is checked before it is used.
import { E, fail } from "../../kernel/errno.ts";
import { END_PAGE } from "../../kernel/process/memory/mapping.ts";
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
/** Program headers are read with the ELF header; Linux takes as many as fit in 64 KiB. */
const MAX_PROGRAM_HEADERS = 1024;
const EM_RISCV = 243;
const ET_EXEC = 2, ET_DYN = 3;
const PT_LOAD = 1, PT_INTERP = 3, PT_PHDR = 6;
const END = END_PAGE * PAGE_BYTES;

/** A piece of the file that is mapped. Addresses are as the file says them: relative for `relocatable`. */
export interface Segment {
  address: number;
  memoryBytes: number;
  offset: number;
  fileBytes: number;
  /** bits as in PROT: 1 read, 2 write, 4 execute */
  protection: number;
}

export interface ElfFile {
  /** may be loaded anywhere */
  relocatable: boolean;
  entry: number;
  segments: Segment[];
  /** where the dynamic linker's path is in the file */
  interpreter: { offset: number; length: number } | undefined;
  /** where the program headers are once loaded; 0 where they are not */
  headers: number;
  headerCount: number;
  /** from the lowest to behind the highest address */
  start: number;
  end: number;
}

/** Bytes of the file that `parseElf` has to see. @throws Errno ENOEXEC */
export function headerBytes(header: Uint8Array): number {
  const { offset, count } = programHeaders(header);
  return offset + count * PROGRAM_HEADER_BYTES;
}

function programHeaders(header: Uint8Array): { offset: number; count: number } {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const magic = header.length >= HEADER_BYTES && view.getUint32(0, false) === 0x7f45_4c46;
  // 64 bits, little endian, version 1
  if (!magic || header[4] !== 2 || header[5] !== 1 || header[6] !== 1) return fail(E.ENOEXEC);
  if (view.getUint16(18, true) !== EM_RISCV) fail(E.ENOEXEC);
  const offset = Number(view.getBigUint64(32, true));
  const count = view.getUint16(56, true);
  const sized = view.getUint16(54, true) === PROGRAM_HEADER_BYTES;
  if (!sized || count === 0 || count > MAX_PROGRAM_HEADERS || !(offset < 2 ** 30)) fail(E.ENOEXEC);
  return { offset, count };
}

/** @param header the first bytes of the file, with all program headers @throws Errno ENOEXEC */
export function parseElf(header: Uint8Array): ElfFile {
  const { offset, count } = programHeaders(header);
  if (header.length < offset + count * PROGRAM_HEADER_BYTES) fail(E.ENOEXEC);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const number = (at: number) => Number(view.getBigUint64(at, true));
  const type = view.getUint16(16, true);
  if (type !== ET_EXEC && type !== ET_DYN) fail(E.ENOEXEC);
  const segments: Segment[] = [];
  let interpreter: ElfFile["interpreter"];
  let headers = 0;
  for (let index = 0; index < count; index++) {
    const at = offset + index * PROGRAM_HEADER_BYTES;
    const kind = view.getUint32(at, true);
    const flags = view.getUint32(at + 4, true);
    const segment: Segment = {
      offset: number(at + 8),
      address: number(at + 16),
      fileBytes: number(at + 32),
      memoryBytes: number(at + 40),
      protection: (flags & 4) >> 2 | flags & 2 | (flags & 1) << 2,
    };
    if (kind === PT_PHDR) headers = segment.address;
    if (kind === PT_INTERP) {
      if (!(segment.fileBytes >= 2 && segment.fileBytes <= 4096)) fail(E.ENOEXEC);
      interpreter = { offset: segment.offset, length: segment.fileBytes };
    }
    if (kind !== PT_LOAD || segment.memoryBytes === 0) continue;
    checkSegment(segment, segments.at(-1));
    segments.push(segment);
  }
  if (segments.length === 0) return fail(E.ENOEXEC);
  if (headers === 0) {
    const holder = segments.find((each) =>
      each.offset <= offset && offset < each.offset + each.fileBytes
    );
    if (holder !== undefined) headers = holder.address + offset - holder.offset;
  }
  const last = segments.at(-1)!;
  const start = segments[0].address - segments[0].address % PAGE_BYTES;
  return {
    relocatable: type === ET_DYN,
    entry: number(24),
    segments,
    interpreter,
    headers,
    headerCount: count,
    start,
    end: last.address + last.memoryBytes,
  };
}

function checkSegment(segment: Segment, before: Segment | undefined): void {
  const { address, memoryBytes, offset, fileBytes } = segment;
  if (!(address + memoryBytes <= END) || !(offset + fileBytes < 2 ** 53)) fail(E.ENOEXEC);
  if (fileBytes > memoryBytes || address % PAGE_BYTES !== offset % PAGE_BYTES) fail(E.ENOEXEC);
  // In ascending order and no two in one page with different contents: as linkers make them.
  if (before !== undefined && address < before.address + before.memoryBytes) fail(E.ENOEXEC);
}
