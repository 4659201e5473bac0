// Decodes RISC-V instructions (RV64GC, Zicsr, Zifencei, Zba, Zbb, Zbs) after the unprivileged
// specification: the tables follow its chapter "RV32/64G Instruction Set Listings".
import { type Instruction, Op, type Operation } from "./instruction.ts";
import { expand } from "./decode_compressed.ts";

/** Length in bytes of the instruction that begins with a half-word. */
export function instructionBytes(half: number): 2 | 4 {
  return (half & 3) === 3 ? 4 : 2;
}

/** @param word the instruction; of a compressed one the low 16 bits count */
export function decode(word: number): Instruction {
  if ((word & 3) !== 3) {
    const expanded = expand(word & 0xffff);
    if (expanded === undefined) return illegal(2);
    return { ...decodeFull(expanded), size: 2 };
  }
  return decodeFull(word);
}

function illegal(size: number): Instruction {
  return { op: Op.illegal, rd: 0, rs1: 0, rs2: 0, rs3: 0, imm: 0, rm: 0, size };
}

/** Formats of the immediate, as the specification names them. */
function immI(word: number): number {
  return word >> 20;
}
function immS(word: number): number {
  return word >> 25 << 5 | word >>> 7 & 31;
}
function immB(word: number): number {
  return word >> 31 << 12 | (word & 0x80) << 4 | word >>> 20 & 0x7e0 | word >>> 7 & 0x1e;
}
function immU(word: number): number {
  return word & 0xffff_f000;
}
function immJ(word: number): number {
  return word >> 31 << 20 | word & 0xff000 | word >>> 9 & 0x800 | word >>> 20 & 0x7fe;
}

type Names = readonly (Operation | undefined)[];

const LOADS: Names = ["lb", "lh", "lw", "ld", "lbu", "lhu", "lwu"];
const STORES: Names = ["sb", "sh", "sw", "sd"];
const BRANCHES: Names = ["beq", "bne", undefined, undefined, "blt", "bge", "bltu", "bgeu"];
const CSRS: Names = [
  undefined,
  "csrrw",
  "csrrs",
  "csrrc",
  undefined,
  "csrrwi",
  "csrrsi",
  "csrrci",
];

/** OP and OP-32: by funct7, then funct3. */
const REGISTER: Record<number, Names> = {
  0x00: ["add", "sll", "slt", "sltu", "xor", "srl", "or", "and"],
  0x01: ["mul", "mulh", "mulhsu", "mulhu", "div", "divu", "rem", "remu"],
  0x20: ["sub", undefined, undefined, undefined, "xnor", "sra", "orn", "andn"],
  0x05: [undefined, undefined, undefined, undefined, "min", "minu", "max", "maxu"],
  0x10: [undefined, undefined, "sh1add", undefined, "sh2add", undefined, "sh3add"],
  0x14: [undefined, "bset"],
  0x24: [undefined, "bclr", undefined, undefined, undefined, "bext"],
  0x30: [undefined, "rol", undefined, undefined, undefined, "ror"],
  0x34: [undefined, "binv"],
};
const REGISTER_32: Record<number, Names> = {
  0x00: ["addw", "sllw", undefined, undefined, undefined, "srlw"],
  0x01: ["mulw", undefined, undefined, undefined, "divw", "divuw", "remw", "remuw"],
  0x20: ["subw", undefined, undefined, undefined, undefined, "sraw"],
  0x04: ["add_uw"],
  0x10: [undefined, undefined, "sh1add_uw", undefined, "sh2add_uw", undefined, "sh3add_uw"],
  0x30: [undefined, "rolw", undefined, undefined, undefined, "rorw"],
};

/** OP-IMM shifts by immediate: by the upper six bits. */
const SHIFT_LEFT: Record<number, Operation> = {
  0x00: "slli",
  0x0a: "bseti",
  0x12: "bclri",
  0x1a: "binvi",
};
const SHIFT_RIGHT: Record<number, Operation> = {
  0x00: "srli",
  0x10: "srai",
  0x12: "bexti",
  0x18: "rori",
};
/** Operations with one source, which fill the place of the immediate: by all its twelve bits. */
const UNARY_LEFT: Record<number, Operation> = {
  0x600: "clz",
  0x601: "ctz",
  0x602: "cpop",
  0x604: "sext_b",
  0x605: "sext_h",
};
const UNARY_LEFT_32: Record<number, Operation> = { 0x600: "clzw", 0x601: "ctzw", 0x602: "cpopw" };

const AMO: Record<number, string> = {
  0x00: "amoadd",
  0x01: "amoswap",
  0x02: "lr",
  0x03: "sc",
  0x04: "amoxor",
  0x08: "amoor",
  0x0c: "amoand",
  0x10: "amomin",
  0x14: "amomax",
  0x18: "amominu",
  0x1c: "amomaxu",
};

/** OP-FP: by funct7 without its format, what the name is, and what selects among several. */
const FLOAT_ARITHMETIC: Record<number, string> = {
  0x00: "fadd",
  0x04: "fsub",
  0x08: "fmul",
  0x0c: "fdiv",
};
const SIGN: Names[] = [["fsgnj_s", "fsgnjn_s", "fsgnjx_s"], ["fsgnj_d", "fsgnjn_d", "fsgnjx_d"]];
const MINMAX: Names[] = [["fmin_s", "fmax_s"], ["fmin_d", "fmax_d"]];
const COMPARE: Names[] = [["fle_s", "flt_s", "feq_s"], ["fle_d", "flt_d", "feq_d"]];
const INTEGERS = ["w", "wu", "l", "lu"];

function decodeFull(word: number): Instruction {
  const rd = word >>> 7 & 31, rs1 = word >>> 15 & 31, rs2 = word >>> 20 & 31;
  const funct3 = word >>> 12 & 7, funct7 = word >>> 25;
  const made = (name: Operation | undefined, fields: Partial<Instruction>): Instruction =>
    name === undefined
      ? illegal(4)
      : { op: Op[name], rd: 0, rs1: 0, rs2: 0, rs3: 0, imm: 0, rm: 0, size: 4, ...fields };
  switch (word & 0x7f) {
    case 0x03:
      return made(LOADS[funct3], { rd, rs1, imm: immI(word) });
    case 0x07:
      return made(({ 2: "flw", 3: "fld" } as const)[funct3], { rd, rs1, imm: immI(word) });
    case 0x0f:
      return made(({ 0: "fence", 1: "fence_i" } as const)[funct3], {});
    case 0x13:
      return made(immediateName(word, funct3), { rd, rs1, imm: immediate(word, funct3, 63) });
    case 0x17:
      return made("auipc", { rd, imm: immU(word) });
    case 0x1b:
      return made(immediateName32(word, funct3), { rd, rs1, imm: immediate(word, funct3, 31) });
    case 0x23:
      return made(STORES[funct3], { rs1, rs2, imm: immS(word) });
    case 0x27:
      return made(({ 2: "fsw", 3: "fsd" } as const)[funct3], { rs1, rs2, imm: immS(word) });
    case 0x2f:
      return made(atomicName(word, funct3, rs2), { rd, rs1, rs2 });
    case 0x33:
      return made(REGISTER[funct7]?.[funct3], { rd, rs1, rs2 });
    case 0x37:
      return made("lui", { rd, imm: immU(word) });
    case 0x3b:
      // zext.h is the only one that fixes its second source.
      if (funct7 === 0x04 && funct3 === 4) {
        return made(rs2 === 0 ? "zext_h" : undefined, { rd, rs1 });
      }
      return made(REGISTER_32[funct7]?.[funct3], { rd, rs1, rs2 });
    case 0x43:
    case 0x47:
    case 0x4b:
    case 0x4f: {
      const format = funct7 & 3;
      const base = ["fmadd", "fmsub", "fnmsub", "fnmadd"][word >>> 2 & 3];
      const name = format < 2 && roundingMode(funct3) ? `${base}_${"sd"[format]}` : undefined;
      return made(name as Operation, { rd, rs1, rs2, rs3: word >>> 27, rm: funct3 });
    }
    case 0x53:
      return floatInstruction(word, rd, rs1, rs2, funct3, made);
    case 0x63:
      return made(BRANCHES[funct3], { rs1, rs2, imm: immB(word) });
    case 0x67:
      return made(funct3 === 0 ? "jalr" : undefined, { rd, rs1, imm: immI(word) });
    case 0x6f:
      return made("jal", { rd, imm: immJ(word) });
    case 0x73:
      if (word === 0x73) return made("ecall", {});
      if (word === 0x0010_0073) return made("ebreak", {});
      return made(CSRS[funct3], { rd, rs1, imm: word >>> 20 });
    default:
      return illegal(4);
  }
}

/** 5 and 6 are reserved. */
function roundingMode(funct3: number): boolean {
  return funct3 !== 5 && funct3 !== 6;
}

function immediate(word: number, funct3: number, shiftMask: number): number {
  return funct3 === 1 || funct3 === 5 ? word >>> 20 & shiftMask : immI(word);
}

function immediateName(word: number, funct3: number): Operation | undefined {
  if (funct3 === 1) return SHIFT_LEFT[word >>> 26] ?? UNARY_LEFT[word >>> 20];
  if (funct3 === 5) {
    if (word >>> 20 === 0x287) return "orc_b";
    if (word >>> 20 === 0x6b8) return "rev8";
    return SHIFT_RIGHT[word >>> 26];
  }
  return (["addi", undefined, "slti", "sltiu", "xori", undefined, "ori", "andi"] as const)[funct3];
}

function immediateName32(word: number, funct3: number): Operation | undefined {
  if (funct3 === 0) return "addiw";
  if (funct3 === 1) {
    if (word >>> 25 === 0) return "slliw";
    // The shift amount of slli.uw has six bits.
    return UNARY_LEFT_32[word >>> 20] ?? (word >>> 26 === 0x02 ? "slli_uw" : undefined);
  }
  if (funct3 !== 5) return undefined;
  return ({ 0x00: "srliw", 0x20: "sraiw", 0x30: "roriw" } as const)[word >>> 25];
}

function atomicName(word: number, funct3: number, rs2: number): Operation | undefined {
  const base = AMO[word >>> 27];
  if (base === undefined || funct3 !== 2 && funct3 !== 3) return undefined;
  if (base === "lr" && rs2 !== 0) return undefined;
  return `${base}_${funct3 === 2 ? "w" : "d"}` as Operation;
}

function floatInstruction(
  word: number,
  rd: number,
  rs1: number,
  rs2: number,
  funct3: number,
  made: (name: Operation | undefined, fields: Partial<Instruction>) => Instruction,
): Instruction {
  const format = word >>> 25 & 3, funct = word >>> 25 & 0x7c;
  if (format > 1) return illegal(4);
  const letter = "sd"[format];
  const rounded = (name: string | undefined, fields: Partial<Instruction>) =>
    made(name !== undefined && roundingMode(funct3) ? name as Operation : undefined, {
      ...fields,
      rm: funct3,
    });
  const fields = { rd, rs1, rs2 }, unary = { rd, rs1 };
  const arithmetic = FLOAT_ARITHMETIC[funct];
  if (arithmetic !== undefined) return rounded(`${arithmetic}_${letter}`, fields);
  const integer = INTEGERS[rs2];
  switch (funct) {
    case 0x2c:
      return rounded(rs2 === 0 ? `fsqrt_${letter}` : undefined, unary);
    case 0x10:
      return made(SIGN[format][funct3], fields);
    case 0x14:
      return made(MINMAX[format][funct3], fields);
    case 0x50:
      return made(COMPARE[format][funct3], fields);
    case 0x20:
      // Between the formats: the source is the other one.
      if (rs2 !== 1 - format) return illegal(4);
      return rounded(format === 0 ? "fcvt_s_d" : "fcvt_d_s", unary);
    case 0x60:
      return rounded(integer && `fcvt_${integer}_${letter}`, unary);
    case 0x68:
      return rounded(integer && `fcvt_${letter}_${integer}`, unary);
    case 0x70:
      if (rs2 !== 0) return illegal(4);
      if (funct3 === 1) return made(`fclass_${letter}` as Operation, unary);
      return made(funct3 === 0 ? format === 0 ? "fmv_x_w" : "fmv_x_d" : undefined, unary);
    case 0x78:
      if (rs2 !== 0 || funct3 !== 0) return illegal(4);
      return made(format === 0 ? "fmv_w_x" : "fmv_d_x", unary);
    default:
      return illegal(4);
  }
}
