// Decodes RISC-V instructions (RV64GC, Zicsr, Zifencei, Zba, Zbb, Zbs): finds the encoding whose fixed bits a
// word has, and takes its operands apart.
import { expand } from "./decode_compressed.ts";
import { encodings, type Field, type FormatName, formats } from "./encodings.ts";
import { type Instruction, Op, type Operation } from "./instruction.ts";

/** Length in bytes of the instruction that begins with a half-word. */
export function instructionBytes(half: number): 2 | 4 {
  return (half & 3) === 3 ? 4 : 2;
}

interface Candidate {
  op: number;
  format: FormatName;
  match: number;
  /** bits of a word that must be those of `match` */
  fixed: number;
  /** all ones for fields that the format has */
  rd: number;
  rs1: number;
  rs2: number;
  rs3: number;
  rm: number;
}

const candidates = Object.entries(encodings).map(([name, [format, match]]): Candidate => {
  const { fields, operands } = formats[format];
  const mask = (field: Field, ones: number) => fields.includes(field as never) ? ones : 0;
  return {
    op: Op[name as Operation],
    format,
    match,
    fixed: ~operands,
    rd: mask("rd", 31),
    rs1: mask("rs1", 31),
    rs2: mask("rs2", 31),
    rs3: mask("rs3", 31),
    rm: mask("rm", 7),
  };
});

/** Opcode and funct3 narrow the choice down: bits 2 to 6 and 12 to 14. */
const KEY = 0x0000_707c;
const KEYS = 256;

function key(word: number): number {
  return word >>> 2 & 31 | word >>> 7 & 0xe0;
}

const byKey: Candidate[][] = Array.from({ length: KEYS }, (_, index) => {
  const word = (index & 31) << 2 | (index & 0xe0) << 7;
  return candidates.filter(({ match, fixed }) => ((word ^ match) & fixed & KEY) === 0);
});

/** @param word the instruction; of a compressed one the low 16 bits count */
export function decode(word: number): Instruction {
  if (instructionBytes(word) === 4) return decodeFull(word);
  const full = expand(word & 0xffff);
  return full === undefined ? illegal(2) : { ...decodeFull(full), size: 2 };
}

function illegal(size: number): Instruction {
  return { op: Op.illegal, rd: 0, rs1: 0, rs2: 0, rs3: 0, imm: 0, rm: 0, size };
}

function decodeFull(word: number): Instruction {
  for (const has of byKey[key(word)]) {
    if (((word ^ has.match) & has.fixed) !== 0) continue;
    const rm = word >>> 12 & has.rm;
    // Rounding modes that are reserved.
    if (rm === 5 || rm === 6) break;
    return {
      op: has.op,
      rd: word >>> 7 & has.rd,
      rs1: word >>> 15 & has.rs1,
      rs2: word >>> 20 & has.rs2,
      rs3: word >>> 27 & has.rs3,
      imm: immediate(word, has.format),
      rm,
      size: 4,
    };
  }
  return illegal(4);
}

function immediate(word: number, format: FormatName): number {
  switch (format) {
    case "I":
      return word >> 20;
    case "S":
      return word >> 25 << 5 | word >>> 7 & 31;
    case "B":
      return word >> 31 << 12 | word << 4 & 0x800 | word >>> 20 & 0x7e0 | word >>> 7 & 0x1e;
    case "U":
      return word & 0xffff_f000;
    case "J":
      return word >> 31 << 20 | word & 0xff000 | word >>> 9 & 0x800 | word >>> 20 & 0x7fe;
    case "SHIFT_32":
      return word >>> 20 & 31;
    case "SHIFT_64":
      return word >>> 20 & 63;
    case "CSR":
      return word >>> 20;
    default:
      return 0;
  }
}
