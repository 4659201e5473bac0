// The layout of a core file (elf(5), ET_CORE): headers, notes, then memory, from whole pages on.
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { putInt, putLong } from "../little_endian.ts";
import type { Segment } from "./core_memory.ts";

const HEADER_BYTES = 64, PROGRAM_HEADER_BYTES = 56;
const ET_CORE = 4, EM_RISCV = 243, EV_CURRENT = 1;
const PT = { LOAD: 1, NOTE: 4 } as const;
/** 64 bits, little endian */
const IDENTIFICATION = [0x7f, 0x45, 0x4c, 0x46, 2, 1, EV_CURRENT];
const FLAGS: readonly [access: number, flag: number][] = [
  [Access.EXECUTE, 1],
  [Access.WRITE, 2],
  [Access.READ, 4],
];

export interface CoreLayout {
  /** what comes before the notes */
  headers: Uint8Array;
  /** where each segment begins in the file */
  offsets: number[];
  sizeBytes: number;
}

export function coreLayout(segments: Segment[], noteBytes: number): CoreLayout {
  const count = segments.length + 1;
  const headers = new Uint8Array(HEADER_BYTES + count * PROGRAM_HEADER_BYTES);
  headers.set(IDENTIFICATION);
  headers[16] = ET_CORE;
  headers[18] = EM_RISCV;
  putInt(headers, 20, EV_CURRENT);
  putLong(headers, 32, HEADER_BYTES);
  headers[52] = HEADER_BYTES;
  headers[54] = PROGRAM_HEADER_BYTES;
  headers[56] = count;
  headers[57] = count >> 8;
  putInt(headers, HEADER_BYTES, PT.NOTE);
  putLong(headers, HEADER_BYTES + 8, headers.length);
  putLong(headers, HEADER_BYTES + 32, noteBytes);
  putLong(headers, HEADER_BYTES + 48, 4);
  let offset = Math.ceil((headers.length + noteBytes) / PAGE_BYTES) * PAGE_BYTES;
  const offsets = segments.map(({ mapping: { start, end, access }, pages }, index) => {
    const at = HEADER_BYTES + (index + 1) * PROGRAM_HEADER_BYTES, here = offset;
    putInt(headers, at, PT.LOAD);
    putInt(headers, at + 4, FLAGS.reduce((all, [bit, flag]) => access & bit ? all | flag : all, 0));
    putLong(headers, at + 8, here);
    putLong(headers, at + 16, start * PAGE_BYTES);
    putLong(headers, at + 32, pages * PAGE_BYTES);
    putLong(headers, at + 40, (end - start) * PAGE_BYTES);
    putLong(headers, at + 48, PAGE_BYTES);
    offset += pages * PAGE_BYTES;
    return here;
  });
  return { headers, offsets, sizeBytes: offset };
}
