// Integer instructions as WebAssembly: most are one operation on 64 bits.
import type { Operation } from "../instruction.ts";
import { type Emitter, Imported } from "./emitter.ts";
import { Type, W } from "./wasm_opcodes.ts";

export type Lower = (emitter: Emitter) => void;

/** `rd = rs1 op rs2` */
function registers(...opcodes: number[]): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    e.x(rs1).x(rs2).code.op(...opcodes);
    e.setX(rd);
  };
}

/** `rd = rs1 op imm` */
function immediate(...opcodes: number[]): Lower {
  return (e) => {
    const { rd, rs1, imm } = e.instruction;
    e.x(rs1).code.i64(imm).op(...opcodes);
    e.setX(rd);
  };
}

/** On the lower words, whose result is sign-extended. */
function registers32(opcode: number): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    e.x(rs1).code.op(W.i32_wrap_i64);
    e.x(rs2).code.op(W.i32_wrap_i64, opcode, W.i64_extend_i32_s);
    e.setX(rd);
  };
}
function immediate32(opcode: number): Lower {
  return (e) => {
    const { rd, rs1, imm } = e.instruction;
    e.x(rs1).code.op(W.i32_wrap_i64).i32(imm).op(opcode, W.i64_extend_i32_s);
    e.setX(rd);
  };
}

/** `rd = op(rs1)` */
function unary(...opcodes: number[]): Lower {
  return (e) => {
    e.x(e.instruction.rs1).code.op(...opcodes);
    e.setX(e.instruction.rd);
  };
}

/** `rd = rs1 op ~rs2` */
function inverted(opcode: number): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    e.x(rs1).x(rs2).code.i64(-1n).op(W.i64_xor, opcode);
    e.setX(rd);
  };
}

/** The one of two that a comparison chooses. */
function chosen(comparison: number): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    e.x(rs1).x(rs2).x(rs1).x(rs2).code.op(comparison, W.select);
    e.setX(rd);
  };
}

/** `rd = rs2 + (rs1 << by)`, of the lower word of rs1 where `word` says so. */
function shiftedAdd(by: number, word: boolean): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    e.x(rs1);
    if (word) e.code.i64(0xffff_ffffn).op(W.i64_and);
    if (by > 0) e.code.i64(by).op(W.i64_shl);
    e.x(rs2).code.op(W.i64_add);
    e.setX(rd);
  };
}

/** A single bit: of a register, or of the immediate. */
function singleBit(fromImmediate: boolean, combine: Lower): Lower {
  return (e) => {
    const { rd, rs1, rs2, imm } = e.instruction;
    e.x(rs1);
    if (fromImmediate) e.code.i64(1n << BigInt(imm));
    else {
      e.code.i64(1n);
      e.x(rs2).code.op(W.i64_shl);
    }
    combine(e);
    e.setX(rd);
  };
}
const set: Lower = (e) => e.code.op(W.i64_or);
const invert: Lower = (e) => e.code.op(W.i64_xor);
const clear: Lower = (e) => e.code.i64(-1n).op(W.i64_xor, W.i64_and);

function multiplyHigh(imported: number): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    e.x(rs1).x(rs2).code.call(imported);
    e.setX(rd);
  };
}

/**
 * Division with the results of the specification where WebAssembly traps.
 * @param word on the lower words
 */
function division(opcode: number, signed: boolean, remainder: boolean, word: boolean): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    const { code } = e;
    const dividend = e.scratch("dividend", Type.I64), divisor = e.scratch("divisor", Type.I64);
    const extend = word ? signed ? [W.i64_extend32_s] : [] : [];
    e.x(rs1).code.op(...extend);
    if (word && !signed) code.i64(0xffff_ffffn).op(W.i64_and);
    code.set(dividend);
    e.x(rs2).code.op(...extend);
    if (word && !signed) code.i64(0xffff_ffffn).op(W.i64_and);
    code.tee(divisor);
    // Signed: the divisors 0 and -1 are special; unsigned: 0 is.
    if (signed) code.i64(1n).op(W.i64_add).i64(1n).op(W.i64_le_u);
    else code.op(W.i64_eqz);
    e.open(W.if, Type.I64);
    if (!signed) remainder ? code.get(dividend) : code.i64(-1n);
    else if (remainder) code.get(dividend).i64(0n).get(divisor).op(W.i64_eqz, W.select);
    else {
      code.i64(-1n).i64(0n).get(dividend).op(W.i64_sub).get(divisor).op(W.i64_eqz, W.select);
    }
    e.otherwise();
    code.get(dividend).get(divisor).op(opcode);
    e.close();
    if (word) code.op(W.i64_extend32_s);
    e.setX(rd);
  };
}

export const integerLowering: Partial<Record<Operation, Lower>> = {
  lui: (e) => {
    e.code.i64(e.instruction.imm);
    e.setX(e.instruction.rd);
  },
  auipc: (e) => {
    e.code.i64(e.address + e.instruction.imm);
    e.setX(e.instruction.rd);
  },
  addi: (e) => {
    const { rd, rs1, imm } = e.instruction;
    if (rs1 === 0) e.code.i64(imm);
    else {
      e.x(rs1);
      if (imm !== 0) e.code.i64(imm).op(W.i64_add);
    }
    e.setX(rd);
  },
  slti: immediate(W.i64_lt_s, W.i64_extend_i32_u),
  sltiu: immediate(W.i64_lt_u, W.i64_extend_i32_u),
  xori: immediate(W.i64_xor),
  ori: immediate(W.i64_or),
  andi: immediate(W.i64_and),
  slli: immediate(W.i64_shl),
  srli: immediate(W.i64_shr_u),
  srai: immediate(W.i64_shr_s),
  add: (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    if (rs1 === 0) e.x(rs2);
    else if (rs2 === 0) e.x(rs1);
    else e.x(rs1).x(rs2).code.op(W.i64_add);
    e.setX(rd);
  },
  sub: registers(W.i64_sub),
  sll: registers(W.i64_shl),
  slt: registers(W.i64_lt_s, W.i64_extend_i32_u),
  sltu: registers(W.i64_lt_u, W.i64_extend_i32_u),
  xor: registers(W.i64_xor),
  srl: registers(W.i64_shr_u),
  sra: registers(W.i64_shr_s),
  or: registers(W.i64_or),
  and: registers(W.i64_and),
  addiw: (e) => {
    const { rd, rs1, imm } = e.instruction;
    e.x(rs1);
    if (imm !== 0) e.code.i64(imm).op(W.i64_add);
    e.code.op(W.i64_extend32_s);
    e.setX(rd);
  },
  slliw: immediate32(W.i32_shl),
  srliw: immediate32(W.i32_shr_u),
  sraiw: immediate32(W.i32_shr_s),
  addw: registers(W.i64_add, W.i64_extend32_s),
  subw: registers(W.i64_sub, W.i64_extend32_s),
  sllw: registers32(W.i32_shl),
  srlw: registers32(W.i32_shr_u),
  sraw: registers32(W.i32_shr_s),
  fence: () => {},
  mul: registers(W.i64_mul),
  mulw: registers(W.i64_mul, W.i64_extend32_s),
  mulh: multiplyHigh(Imported.MULTIPLY_HIGH),
  mulhu: multiplyHigh(Imported.MULTIPLY_HIGH_UNSIGNED),
  mulhsu: multiplyHigh(Imported.MULTIPLY_HIGH_MIXED),
  div: division(W.i64_div_s, true, false, false),
  divu: division(W.i64_div_u, false, false, false),
  rem: division(W.i64_rem_s, true, true, false),
  remu: division(W.i64_rem_u, false, true, false),
  divw: division(W.i64_div_s, true, false, true),
  divuw: division(W.i64_div_u, false, false, true),
  remw: division(W.i64_rem_s, true, true, true),
  remuw: division(W.i64_rem_u, false, true, true),
  add_uw: shiftedAdd(0, true),
  sh1add: shiftedAdd(1, false),
  sh2add: shiftedAdd(2, false),
  sh3add: shiftedAdd(3, false),
  sh1add_uw: shiftedAdd(1, true),
  sh2add_uw: shiftedAdd(2, true),
  sh3add_uw: shiftedAdd(3, true),
  slli_uw: (e) => {
    const { rd, rs1, imm } = e.instruction;
    e.x(rs1).code.i64(0xffff_ffffn).op(W.i64_and).i64(imm).op(W.i64_shl);
    e.setX(rd);
  },
  andn: inverted(W.i64_and),
  orn: inverted(W.i64_or),
  xnor: inverted(W.i64_xor),
  clz: unary(W.i64_clz),
  clzw: unary(W.i32_wrap_i64, W.i32_clz, W.i64_extend_i32_u),
  ctz: unary(W.i64_ctz),
  ctzw: unary(W.i32_wrap_i64, W.i32_ctz, W.i64_extend_i32_u),
  cpop: unary(W.i64_popcnt),
  cpopw: unary(W.i32_wrap_i64, W.i32_popcnt, W.i64_extend_i32_u),
  max: chosen(W.i64_gt_s),
  maxu: chosen(W.i64_gt_u),
  min: chosen(W.i64_lt_s),
  minu: chosen(W.i64_lt_u),
  sext_b: unary(W.i64_extend8_s),
  sext_h: unary(W.i64_extend16_s),
  zext_h: (e) => {
    e.x(e.instruction.rs1).code.i64(0xffffn).op(W.i64_and);
    e.setX(e.instruction.rd);
  },
  rol: registers(W.i64_rotl),
  ror: registers(W.i64_rotr),
  rori: immediate(W.i64_rotr),
  rolw: registers32(W.i32_rotl),
  rorw: registers32(W.i32_rotr),
  roriw: immediate32(W.i32_rotr),
  bset: singleBit(false, set),
  bseti: singleBit(true, set),
  binv: singleBit(false, invert),
  binvi: singleBit(true, invert),
  bclr: singleBit(false, clear),
  bclri: singleBit(true, clear),
  bext: (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    e.x(rs1).x(rs2).code.op(W.i64_shr_u).i64(1n).op(W.i64_and);
    e.setX(rd);
  },
  bexti: (e) => {
    const { rd, rs1, imm } = e.instruction;
    e.x(rs1).code.i64(imm).op(W.i64_shr_u).i64(1n).op(W.i64_and);
    e.setX(rd);
  },
};

/** Pushes whether a branch is taken. */
export const conditions: Partial<Record<Operation, number>> = {
  beq: W.i64_eq,
  bne: W.i64_ne,
  blt: W.i64_lt_s,
  bge: W.i64_ge_s,
  bltu: W.i64_lt_u,
  bgeu: W.i64_ge_u,
};
