// Instructions as text, as the assembler would read them (without its abbreviations): for dumps and traces.
import { encodings, floatOperands } from "./encodings.ts";
import { type Instruction, type Operation, operations } from "./instruction.ts";

/** Names of the integer registers, by the calling convention. */
export const INTEGER = [
  ...["zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1"],
  ...["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"],
  ...["s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"],
];
/** Names of the floating-point registers. */
export const FLOAT = [
  ...["ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1"],
  ...["fa0", "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7"],
  ...["fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11"],
  ...["ft8", "ft9", "ft10", "ft11"],
];
const ROUNDING = ["rne", "rtz", "rdn", "rup", "rmm", "5", "6", "dyn"];
const DYNAMIC = 7;
const CSRS: Record<number, string> = {
  1: "fflags",
  2: "frm",
  3: "fcsr",
  0xc00: "cycle",
  0xc01: "time",
  0xc02: "instret",
};

/** @param pc address of the instruction, which jumps count from */
export function disassemble(instruction: Instruction, pc: bigint): string {
  const name = operations[instruction.op];
  if (name === "illegal") return "illegal";
  const mnemonic = name === "fence_i" ? "fence.i" : dotted(name);
  const operands = text(name, instruction, pc);
  return operands === "" ? mnemonic : `${mnemonic} ${operands}`;
}

function dotted(name: Operation): string {
  return name.replaceAll("_", ".");
}

function text(name: Exclude<Operation, "illegal">, instruction: Instruction, pc: bigint): string {
  const float = floatOperands(name);
  const { imm, rm } = instruction;
  const rd = (float.rd ? FLOAT : INTEGER)[instruction.rd];
  const rs1 = (float.rs1 ? FLOAT : INTEGER)[instruction.rs1];
  const rs2 = (float.rs2 ? FLOAT : INTEGER)[instruction.rs2];
  const rounding = rm === DYNAMIC ? "" : `,${ROUNDING[rm]}`;
  const target = () => `0x${BigInt.asUintN(64, pc + BigInt(imm)).toString(16)}`;
  const [format] = encodings[name];
  switch (format) {
    case "R":
      return `${rd},${rs1},${rs2}`;
    case "R_ROUNDED":
      return `${rd},${rs1},${rs2}${rounding}`;
    case "R4":
      return `${rd},${rs1},${rs2},${FLOAT[instruction.rs3]}${rounding}`;
    case "UNARY":
      return `${rd},${rs1}`;
    case "UNARY_ROUNDED":
      // Of conversions that are exact the rounding mode says nothing.
      return `${rd},${rs1}${/^fcvt_d_(s|wu?)$/.test(name) ? "" : rounding}`;
    case "I":
      return /^(jalr|f?l[bhwd]u?)$/.test(name) ? `${rd},${imm}(${rs1})` : `${rd},${rs1},${imm}`;
    case "S":
      return `${rs2},${imm}(${rs1})`;
    case "B":
      return `${rs1},${rs2},${target()}`;
    case "U":
      return `${rd},0x${(imm >>> 12).toString(16)}`;
    case "J":
      return `${rd},${target()}`;
    case "SHIFT_32":
    case "SHIFT_64":
      return `${rd},${rs1},0x${imm.toString(16)}`;
    case "CSR":
      return `${rd},${CSRS[imm] ?? `0x${imm.toString(16)}`},${
        name.endsWith("i") ? instruction.rs1 : rs1
      }`;
    case "ATOMIC":
      return `${rd},${rs2},(${rs1})`;
    case "RESERVE":
      return `${rd},(${rs1})`;
    default:
      return "";
  }
}
