// Makes words of instructions: the decoder the other way round.
import { encodings, type FormatName } from "../encodings.ts";
import type { Instruction } from "../instruction.ts";
import type { Name } from "./named.ts";

/** Operands of an instruction; those that are left out are zero. */
export type Operands = Partial<Omit<Instruction, "op" | "size">>;

/** @throws RangeError for an immediate that has no room in the instruction */
export function encode(name: Name, operands: Operands = {}): number {
  const { rd = 0, rs1 = 0, rs2 = 0, rs3 = 0, imm = 0, rm = 0 } = operands;
  const [format, match] = encodings[name];
  if (!fits(format, imm)) throw new RangeError(`Cannot encode ${name}: ${imm} is out of range`);
  return match | rd << 7 | rm << 12 | rs1 << 15 | rs2 << 20 | rs3 << 27 |
    immediateBits(format, imm);
}

function fits(format: FormatName, imm: number): boolean {
  const signed = (bits: number, step = 1) =>
    imm >= -(2 ** (bits - 1)) && imm < 2 ** (bits - 1) && imm % step === 0;
  switch (format) {
    case "I":
    case "S":
      return signed(12);
    case "B":
      return signed(13, 2);
    case "J":
      return signed(21, 2);
    case "U":
      return signed(32, 4096);
    case "SHIFT_32":
      return imm >= 0 && imm < 32;
    case "SHIFT_64":
      return imm >= 0 && imm < 64;
    case "CSR":
      return imm >= 0 && imm < 4096;
    default:
      return imm === 0;
  }
}

function immediateBits(format: FormatName, imm: number): number {
  switch (format) {
    case "S":
      return imm >> 5 << 25 | (imm & 31) << 7;
    case "B":
      return imm >> 12 << 31 | (imm & 0x7e0) << 20 | (imm & 0x1e) << 7 | (imm & 0x800) >> 4;
    case "U":
      return imm;
    case "J":
      return imm >> 20 << 31 | (imm & 0x7fe) << 20 | (imm & 0x800) << 9 | imm & 0xff000;
    default:
      return imm << 20;
  }
}
