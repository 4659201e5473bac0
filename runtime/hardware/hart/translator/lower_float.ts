// Floating point as WebAssembly: the host's operation where it gives the right bits and raises nothing new,
// the exact one of the interpreter otherwise. Rounding to nearest is checked once, where a region begins; an
// operation's inexactness is no news once the flag is set; the rest shows in the result (tiny, infinite, NaN).
import { type Operation, operations } from "../instruction.ts";
import type { Emitter } from "./emitter.ts";
import type { Lower } from "./lower_integer.ts";
import { Type, W } from "./wasm_opcodes.ts";

const DYNAMIC = 7, NEAREST = 0, TO_ZERO = 1;
const SMALLEST_DOUBLE = 2 ** -1022, SMALLEST_SINGLE = 2 ** -126;
const BOX = 0xffff_ffff_0000_0000n;
const SPLAT = { f32: 0x13, f64: 0x14 } as const;
const LANE = { f32: 0x1f, f64: 0x21 } as const;
const MULTIPLY_ADD = { f32: 0x105, f64: 0x107 } as const;
const NEGATED_MULTIPLY_ADD = { f32: 0x106, f64: 0x108 } as const;
const TRUNCATE = { SIGNED: 6, UNSIGNED: 7 } as const;

/** How the lowering of an operation differs between the formats. */
interface Format {
  type: typeof Type.F32 | typeof Type.F64;
  letter: "f32" | "f64";
  /** smallest normal number */
  smallest: number;
  /** what is larger, and a product of about the same size, differ by nothing that is too small to tell from zero */
  notSmall: number;
  abs: number;
  neg: number;
  lt: number;
  gt: number;
  eq: number;
  constant(e: Emitter, value: number): void;
  push(e: Emitter, register: number): void;
  pop(e: Emitter, register: number): void;
}

const double: Format = {
  type: Type.F64,
  letter: "f64",
  smallest: SMALLEST_DOUBLE,
  notSmall: 2 ** -900,
  abs: W.f64_abs,
  neg: W.f64_neg,
  lt: W.f64_lt,
  gt: W.f64_gt,
  eq: W.f64_eq,
  constant: (e, value) => void e.code.f64(value),
  push: (e, register) => void e.f(register),
  pop: (e, register) => e.setF(register),
};

const single: Format = {
  type: Type.F32,
  letter: "f32",
  smallest: SMALLEST_SINGLE,
  notSmall: 2 ** -50,
  abs: W.f32_abs,
  neg: W.f32_neg,
  lt: W.f32_lt,
  gt: W.f32_gt,
  eq: W.f32_eq,
  constant: (e, value) => void e.code.f32(value),
  // What is not boxed counts as a NaN.
  push: (e, register) => {
    const bits = e.scratch("bits", Type.I64);
    e.f(register).code.op(W.i64_reinterpret_f64).tee(bits);
    e.code.i64(32n).op(W.i64_shr_u).i64(0xffff_ffffn).op(W.i64_eq);
    e.open(W.if, Type.F32);
    e.code.get(bits).op(W.i32_wrap_i64, W.f32_reinterpret_i32);
    e.otherwise();
    e.code.i32(0x7fc0_0000).op(W.f32_reinterpret_i32);
    e.close();
  },
  pop: (e, register) => {
    e.code.op(W.i32_reinterpret_f32, W.i64_extend_i32_u).i64(BOX);
    e.code.op(W.i64_or, W.f64_reinterpret_i64);
    e.setF(register);
  },
};

function pushInexact(e: Emitter): void {
  e.code.get(e.flags).i32(1).op(W.i32_and);
}

/** Whether the rounding mode is the nearest one: a region that asks the dynamic one has checked it. */
function nearest(e: Emitter): boolean {
  return e.instruction.rm === NEAREST || e.instruction.rm === DYNAMIC;
}

/**
 * An operation whose result is ordinary on the fast path.
 * @param exactZero pushes whether a result that is zero is exact; undefined where whatever is zero or subnormal
 * always is (sums)
 */
function guarded(
  format: Format,
  compute: (e: Emitter) => void,
  exactZero?: (e: Emitter) => void,
): Lower {
  return (e) => {
    if (!nearest(e)) return e.fallBack();
    const { code } = e;
    const result = e.scratch(`result ${format.letter}`, format.type);
    compute(e);
    code.tee(result).op(format.abs);
    format.constant(e, Infinity);
    code.op(format.lt);
    if (exactZero !== undefined) {
      code.get(result).op(format.abs);
      format.constant(e, format.smallest);
      // The smallest normal number itself may be a rounded one that was tiny.
      code.op(format.gt, W.i32_and);
    }
    pushInexact(e);
    code.op(W.i32_and);
    e.openExpecting(true);
    const done = () => {
      code.get(result);
      format.pop(e, e.instruction.rd);
      e.otherwise();
      e.fallBack();
      e.close();
    };
    if (exactZero === undefined) return done();
    code.get(result);
    format.pop(e, e.instruction.rd);
    e.otherwise();
    is(e, format, () => code.get(result), 0);
    exactZero(e);
    code.op(W.i32_and);
    e.open(W.if);
    done();
    e.close();
  };
}

/** Pushes whether a number is another one. */
function is(e: Emitter, format: Format, push: () => void, value: number): void {
  push();
  format.constant(e, value);
  e.code.op(format.eq);
}

function isRegister(e: Emitter, format: Format, register: number, value: number): void {
  is(e, format, () => format.push(e, register), value);
}

/** A sum or a difference. */
function sum(format: Format, opcode: number): Lower {
  return guarded(format, (e) => binary(e, format, opcode));
}

function binary(e: Emitter, format: Format, opcode: number): void {
  format.push(e, e.instruction.rs1);
  format.push(e, e.instruction.rs2);
  e.code.op(opcode);
}

/** Pushes whether a factor is zero. */
function factorIsZero(e: Emitter, format: Format): void {
  isRegister(e, format, e.instruction.rs1, 0);
  isRegister(e, format, e.instruction.rs2, 0);
  e.code.op(W.i32_or);
}

function product(format: Format, opcode: number): Lower {
  const exactZero = (e: Emitter) => factorIsZero(e, format);
  return guarded(format, (e) => binary(e, format, opcode), exactZero);
}

function quotient(format: Format, opcode: number): Lower {
  return guarded(format, (e) => binary(e, format, opcode), (e) => {
    isRegister(e, format, e.instruction.rs1, 0);
    format.push(e, e.instruction.rs2);
    e.code.op(format.abs);
    format.constant(e, Infinity);
    e.code.op(format.eq, W.i32_or);
  });
}

function root(format: Format, opcode: number): Lower {
  return guarded(format, (e) => {
    format.push(e, e.instruction.rs1);
    e.code.op(opcode);
  }, (e) => void e.code.i32(1));
}

/** @param negateProduct, negateSum as fnmadd and fmsub have it */
function multiplyAdd(format: Format, negateProduct: boolean, negateSum: boolean): Lower {
  const fast = guarded(format, (e) => {
    const { rs1, rs2, rs3 } = e.instruction;
    const { code } = e;
    for (const register of [rs1, rs2, rs3]) {
      format.push(e, register);
      if (register === rs3 && negateSum) code.op(format.neg);
      code.vector(SPLAT[format.letter]);
    }
    code.vector((negateProduct ? NEGATED_MULTIPLY_ADD : MULTIPLY_ADD)[format.letter]);
    code.vector(LANE[format.letter]).byte(0);
  }, (e) => {
    // A product that nearly cancels what is not small has no bit that is too small to tell.
    format.push(e, e.instruction.rs3);
    e.code.op(format.abs);
    format.constant(e, format.notSmall);
    e.code.op(format.gt);
    isRegister(e, format, e.instruction.rs3, 0);
    factorIsZero(e, format);
    e.code.op(W.i32_and, W.i32_or);
  });
  // With rs3 among the factors the negation would hit them too.
  return (e) => {
    const { rs1, rs2, rs3 } = e.instruction;
    const mixed = negateSum && (rs1 === rs3 || rs2 === rs3);
    return e.host.fusedMultiplyAdd && !mixed ? fast(e) : e.fallBack();
  };
}

/** Comparisons of numbers; with a NaN the exact operation says what is raised. */
function comparison(format: Format, opcode: number): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    const { code } = e;
    const a = e.scratch(`a ${format.letter}`, format.type);
    const b = e.scratch(`b ${format.letter}`, format.type);
    format.push(e, rs1);
    code.set(a);
    format.push(e, rs2);
    code.set(b);
    code.get(a).get(a).op(format.eq).get(b).get(b).op(format.eq, W.i32_and);
    e.openExpecting(true);
    code.get(a).get(b).op(opcode, W.i64_extend_i32_u);
    e.setX(rd);
    e.otherwise();
    e.fallBack();
    e.close();
  };
}

function minMax(format: Format, opcode: number): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    const { code } = e;
    const result = e.scratch(`result ${format.letter}`, format.type);
    format.push(e, rs1);
    format.push(e, rs2);
    code.op(opcode).tee(result).get(result).op(format.eq);
    e.openExpecting(true);
    code.get(result);
    format.pop(e, rd);
    e.otherwise();
    e.fallBack();
    e.close();
  };
}

/** A number to an integer, where it fits. */
function toInteger(
  format: Format,
  least: number,
  most: number,
  signed: boolean,
  word: boolean,
): Lower {
  return (e) => {
    const { rd, rs1, rm } = e.instruction;
    if (rm !== TO_ZERO && !nearest(e)) return e.fallBack();
    const { code } = e;
    const value = e.scratch("result f64", Type.F64);
    format.push(e, rs1);
    if (format === single) code.op(W.f64_promote_f32);
    if (rm !== TO_ZERO) code.op(W.f64_nearest);
    code.tee(value).f64(least).op(W.f64_ge);
    code.get(value).f64(most).op(W.f64_lt, W.i32_and);
    pushInexact(e);
    code.op(W.i32_and);
    e.openExpecting(true);
    code.get(value).saturating(signed ? TRUNCATE.SIGNED : TRUNCATE.UNSIGNED);
    if (word) code.op(W.i64_extend32_s);
    e.setX(rd);
    e.otherwise();
    e.fallBack();
    e.close();
  };
}

/** An integer to a double: exact from words, inexact at times from longs. */
function fromInteger(opcode: number, word: boolean): Lower {
  return (e) => {
    if (!word && !nearest(e)) return e.fallBack();
    const { rd, rs1 } = e.instruction;
    const { code } = e;
    if (word) {
      e.x(rs1).code.op(W.i32_wrap_i64, opcode);
      return e.setF(rd);
    }
    pushInexact(e);
    e.open(W.if);
    e.x(rs1).code.op(opcode);
    e.setF(rd);
    e.otherwise();
    e.fallBack();
    e.close();
    void code;
  };
}

/** Signs of doubles; of singles the interpreter. */
function sign(kind: "copy" | "negate" | "multiply"): Lower {
  return (e) => {
    const { rd, rs1, rs2 } = e.instruction;
    const { code } = e;
    if (kind === "copy") {
      if (rs1 === rs2) e.f(rs1);
      else e.f(rs1).f(rs2).code.op(W.f64_copysign);
    } else if (rs1 === rs2) e.f(rs1).code.op(kind === "negate" ? W.f64_neg : W.f64_abs);
    else if (kind === "negate") e.f(rs1).f(rs2).code.op(W.f64_neg, W.f64_copysign);
    else {
      e.f(rs1).code.op(W.i64_reinterpret_f64);
      e.f(rs2).code.op(W.i64_reinterpret_f64).i64(-0x8000_0000_0000_0000n);
      code.op(W.i64_and, W.i64_xor, W.f64_reinterpret_i64);
    }
    e.setF(rd);
  };
}

function arithmetic(format: Format, letter: "s" | "d"): Partial<Record<Operation, Lower>> {
  const f32 = format === single;
  return {
    [`fadd_${letter}`]: sum(format, f32 ? W.f32_add : W.f64_add),
    [`fsub_${letter}`]: sum(format, f32 ? W.f32_sub : W.f64_sub),
    [`fmul_${letter}`]: product(format, f32 ? W.f32_mul : W.f64_mul),
    [`fdiv_${letter}`]: quotient(format, f32 ? W.f32_div : W.f64_div),
    [`fsqrt_${letter}`]: root(format, f32 ? W.f32_sqrt : W.f64_sqrt),
    [`fmadd_${letter}`]: multiplyAdd(format, false, false),
    [`fmsub_${letter}`]: multiplyAdd(format, false, true),
    [`fnmsub_${letter}`]: multiplyAdd(format, true, false),
    [`fnmadd_${letter}`]: multiplyAdd(format, true, true),
    [`fmin_${letter}`]: minMax(format, f32 ? W.f32_min : W.f64_min),
    [`fmax_${letter}`]: minMax(format, f32 ? W.f32_max : W.f64_max),
    [`feq_${letter}`]: comparison(format, f32 ? W.f32_eq : W.f64_eq),
    [`flt_${letter}`]: comparison(format, f32 ? W.f32_lt : W.f64_lt),
    [`fle_${letter}`]: comparison(format, f32 ? W.f32_le : W.f64_le),
    [`fcvt_w_${letter}`]: toInteger(format, -(2 ** 31), 2 ** 31, true, true),
    [`fcvt_wu_${letter}`]: toInteger(format, 0, 2 ** 32, false, true),
    [`fcvt_l_${letter}`]: toInteger(format, -(2 ** 63), 2 ** 63, true, false),
    [`fcvt_lu_${letter}`]: toInteger(format, 0, 2 ** 64, false, false),
  };
}

export const floatLowering: Partial<Record<Operation, Lower>> = {
  ...arithmetic(single, "s"),
  ...arithmetic(double, "d"),
  fcvt_d_w: fromInteger(W.f64_convert_i32_s, true),
  fcvt_d_wu: fromInteger(W.f64_convert_i32_u, true),
  fcvt_d_l: fromInteger(W.f64_convert_i64_s, false),
  fcvt_d_lu: fromInteger(W.f64_convert_i64_u, false),
  fcvt_s_d: guarded(
    single,
    (e) => e.f(e.instruction.rs1).code.op(W.f32_demote_f64),
    (e) => isRegister(e, double, e.instruction.rs1, 0),
  ),
  fcvt_d_s: (e) => {
    const value = e.scratch("result f32", Type.F32);
    single.push(e, e.instruction.rs1);
    e.code.tee(value).get(value).op(W.f32_eq);
    e.open(W.if);
    e.code.get(value).op(W.f64_promote_f32);
    e.setF(e.instruction.rd);
    e.otherwise();
    e.fallBack();
    e.close();
  },
  fsgnj_d: sign("copy"),
  fsgnjn_d: sign("negate"),
  fsgnjx_d: sign("multiply"),
  fmv_x_d: (e) => {
    e.f(e.instruction.rs1).code.op(W.i64_reinterpret_f64);
    e.setX(e.instruction.rd);
  },
  fmv_d_x: (e) => {
    e.x(e.instruction.rs1).code.op(W.f64_reinterpret_i64);
    e.setF(e.instruction.rd);
  },
  fmv_x_w: (e) => {
    e.f(e.instruction.rs1).code.op(W.i64_reinterpret_f64, W.i64_extend32_s);
    e.setX(e.instruction.rd);
  },
  fmv_w_x: (e) => {
    e.x(e.instruction.rs1).code.i64(BOX).op(W.i64_or, W.f64_reinterpret_i64);
    e.setF(e.instruction.rd);
  },
};

/** Operations that may look at or change fcsr: a region with one of them keeps it in a local. */
export const usesFlags: readonly boolean[] = operations.map((name) =>
  /^f(n?m)?(add|sub|mul|div|sqrt|madd|msub|min|max|eq|lt|le|cvt|class)/.test(name)
);

/** Whether an instruction rounds as frm says. */
export function roundsDynamically(name: Operation, rm: number): boolean {
  return rm === DYNAMIC && /^f(n?m)?(add|sub|mul|div|sqrt|madd|msub|cvt)/.test(name);
}
