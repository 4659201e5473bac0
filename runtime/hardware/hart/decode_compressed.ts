// Compressed instructions (the "C" extension of RV64, and its chapter "RVC Instruction Set Listings") as the
// full ones that they abbreviate.

import { RA, SP, ZERO } from "./abi.ts";

const OP_IMM = 0x13, OP_IMM_32 = 0x1b, OP = 0x33, OP_32 = 0x3b;
const LOAD = 0x03, LOAD_FP = 0x07, STORE = 0x23, STORE_FP = 0x27;

function typeI(opcode: number, funct3: number, rd: number, rs1: number, imm: number): number {
  return imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
function typeS(opcode: number, funct3: number, rs1: number, rs2: number, imm: number): number {
  return imm >> 5 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | opcode;
}
function typeR(
  opcode: number,
  funct7: number,
  funct3: number,
  rd: number,
  rs1: number,
  rs2: number,
): number {
  return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
function jal(rd: number, imm: number): number {
  return imm >> 20 << 31 | (imm & 0x7fe) << 20 | (imm & 0x800) << 9 | imm & 0xff000 | rd << 7 |
    0x6f;
}
function branch(funct3: number, rs1: number, imm: number): number {
  return imm >> 12 << 31 | (imm & 0x7e0) << 20 | rs1 << 15 | funct3 << 12 | (imm & 0x1e) << 7 |
    (imm & 0x800) >> 4 | 0x63;
}

/** Bits `high` to `low` of a half-word. */
function bits(half: number, high: number, low: number): number {
  return half >>> low & (1 << high - low + 1) - 1;
}

/** @returns undefined for what is reserved or not there */
export function expand(half: number): number | undefined {
  const funct3 = half >>> 13;
  // Registers x8 to x15, in three bits.
  const shortHigh = bits(half, 9, 7) + 8, shortLow = bits(half, 4, 2) + 8;
  const rd = bits(half, 11, 7), rs2 = bits(half, 6, 2);
  const imm6 = bits(half, 12, 12) === 0 ? rs2 : rs2 - 32;
  switch ((half & 3) << 3 | funct3) {
    case 0b00_000: { // c.addi4spn
      const imm = bits(half, 10, 7) << 6 | bits(half, 12, 11) << 4 | bits(half, 5, 5) << 3 |
        bits(half, 6, 6) << 2;
      return imm === 0 ? undefined : typeI(OP_IMM, 0, shortLow, SP, imm);
    }
    case 0b00_001: // c.fld
      return typeI(LOAD_FP, 3, shortLow, shortHigh, offsetD(half));
    case 0b00_010: // c.lw
      return typeI(LOAD, 2, shortLow, shortHigh, offsetW(half));
    case 0b00_011: // c.ld
      return typeI(LOAD, 3, shortLow, shortHigh, offsetD(half));
    case 0b00_101: // c.fsd
      return typeS(STORE_FP, 3, shortHigh, shortLow, offsetD(half));
    case 0b00_110: // c.sw
      return typeS(STORE, 2, shortHigh, shortLow, offsetW(half));
    case 0b00_111: // c.sd
      return typeS(STORE, 3, shortHigh, shortLow, offsetD(half));
    case 0b01_000: // c.addi, c.nop
      return typeI(OP_IMM, 0, rd, rd, imm6);
    case 0b01_001: // c.addiw
      return rd === 0 ? undefined : typeI(OP_IMM_32, 0, rd, rd, imm6);
    case 0b01_010: // c.li
      return typeI(OP_IMM, 0, rd, ZERO, imm6);
    case 0b01_011:
      return wideImmediate(half, rd, imm6);
    case 0b01_100:
      return arithmetic(half, shortHigh, shortLow, imm6);
    case 0b01_101: // c.j
      return jal(ZERO, jumpOffset(half));
    case 0b01_110: // c.beqz
    case 0b01_111: // c.bnez
      return branch(funct3 & 1, shortHigh, branchOffset(half));
    case 0b10_000: // c.slli
      return typeI(OP_IMM, 1, rd, rd, imm6 & 63);
    case 0b10_001: // c.fldsp
      return typeI(LOAD_FP, 3, rd, SP, stackLoadD(half));
    case 0b10_010: { // c.lwsp
      const imm = bits(half, 3, 2) << 6 | bits(half, 12, 12) << 5 | bits(half, 6, 4) << 2;
      return rd === 0 ? undefined : typeI(LOAD, 2, rd, SP, imm);
    }
    case 0b10_011: // c.ldsp
      return rd === 0 ? undefined : typeI(LOAD, 3, rd, SP, stackLoadD(half));
    case 0b10_100:
      return jumpOrMove(half, rd, rs2);
    case 0b10_101: // c.fsdsp
      return typeS(STORE_FP, 3, SP, rs2, bits(half, 9, 7) << 6 | bits(half, 12, 10) << 3);
    case 0b10_110: // c.swsp
      return typeS(STORE, 2, SP, rs2, bits(half, 8, 7) << 6 | bits(half, 12, 9) << 2);
    case 0b10_111: // c.sdsp
      return typeS(STORE, 3, SP, rs2, bits(half, 9, 7) << 6 | bits(half, 12, 10) << 3);
    default:
      return undefined;
  }
}

function offsetD(half: number): number {
  return bits(half, 6, 5) << 6 | bits(half, 12, 10) << 3;
}

function offsetW(half: number): number {
  return bits(half, 5, 5) << 6 | bits(half, 12, 10) << 3 | bits(half, 6, 6) << 2;
}

function stackLoadD(half: number): number {
  return bits(half, 4, 2) << 6 | bits(half, 12, 12) << 5 | bits(half, 6, 5) << 3;
}

function jumpOffset(half: number): number {
  const imm = bits(half, 12, 12) << 11 | bits(half, 8, 8) << 10 | bits(half, 10, 9) << 8 |
    bits(half, 6, 6) << 7 | bits(half, 7, 7) << 6 | bits(half, 2, 2) << 5 |
    bits(half, 11, 11) << 4 | bits(half, 5, 3) << 1;
  return imm << 20 >> 20;
}

function branchOffset(half: number): number {
  const imm = bits(half, 12, 12) << 8 | bits(half, 6, 5) << 6 | bits(half, 2, 2) << 5 |
    bits(half, 11, 10) << 3 | bits(half, 4, 3) << 1;
  return imm << 23 >> 23;
}

/** c.addi16sp and c.lui */
function wideImmediate(half: number, rd: number, imm6: number): number | undefined {
  if (rd === SP) {
    const imm = bits(half, 12, 12) << 9 | bits(half, 4, 3) << 7 | bits(half, 5, 5) << 6 |
      bits(half, 2, 2) << 5 | bits(half, 6, 6) << 4;
    return imm === 0 ? undefined : typeI(OP_IMM, 0, SP, SP, imm << 22 >> 22);
  }
  return imm6 === 0 ? undefined : imm6 << 12 | rd << 7 | 0x37;
}

/** c.srli, c.srai, c.andi, and those between two registers */
function arithmetic(half: number, rd: number, rs2: number, imm6: number): number | undefined {
  switch (bits(half, 11, 10)) {
    case 0:
      return typeI(OP_IMM, 5, rd, rd, imm6 & 63);
    case 1:
      return typeI(OP_IMM, 5, rd, rd, imm6 & 63 | 0x400);
    case 2:
      return typeI(OP_IMM, 7, rd, rd, imm6);
    default:
      switch (bits(half, 12, 12) << 2 | bits(half, 6, 5)) {
        case 0b000:
          return typeR(OP, 0x20, 0, rd, rd, rs2);
        case 0b001:
          return typeR(OP, 0, 4, rd, rd, rs2);
        case 0b010:
          return typeR(OP, 0, 6, rd, rd, rs2);
        case 0b011:
          return typeR(OP, 0, 7, rd, rd, rs2);
        case 0b100:
          return typeR(OP_32, 0x20, 0, rd, rd, rs2);
        case 0b101:
          return typeR(OP_32, 0, 0, rd, rd, rs2);
        default:
          return undefined;
      }
  }
}

/** c.jr, c.mv, c.ebreak, c.jalr, c.add */
function jumpOrMove(half: number, rd: number, rs2: number): number | undefined {
  const links = bits(half, 12, 12) !== 0;
  if (rs2 !== 0) return typeR(OP, 0, 0, rd, links ? rd : ZERO, rs2);
  if (rd === 0) return links ? 0x0010_0073 : undefined;
  return typeI(0x67, 0, links ? RA : ZERO, rd, 0);
}
