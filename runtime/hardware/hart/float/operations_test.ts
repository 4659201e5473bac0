// Results that the specification states, with the exceptions that they raise.
import { assertEquals } from "@std/assert";
import type { Operation } from "../instruction.ts";
import { Flag, Rounding } from "./format.ts";
import { floatOperations } from "./operations.ts";

const { INEXACT, UNDERFLOW, OVERFLOW, DIVIDE, INVALID } = Flag;
const { NEAREST_EVEN, TO_ZERO, DOWN, UP, NEAREST_AWAY } = Rounding;
const BOX = 0xffff_ffffn << 32n;
const ONE = 0x3f80_0000n | BOX, THREE = 0x4040_0000n | BOX;
const NAN = 0x7fc0_0000n | BOX, SIGNALING = 0x7f80_0001n | BOX;
const INFINITY = 0x7f80_0000n | BOX, MOST = 0x7f7f_ffffn | BOX;
const MINUS = 0x8000_0000n;
const HALF_D = 0x3fe0_0000_0000_0000n, MINUS_D = 1n << 63n;
const NAN_D = 0x7ff8_0000_0000_0000n, MOST_D = 0x7fef_ffff_ffff_ffffn;

type Case = [
  name: Operation,
  operands: bigint[],
  rounding: number,
  bits: bigint,
  flags: number,
];

const cases: Case[] = [
  // One third, in every mode.
  ["fdiv_s", [ONE, THREE], NEAREST_EVEN, 0x3eaa_aaabn | BOX, INEXACT],
  ["fdiv_s", [ONE, THREE], TO_ZERO, 0x3eaa_aaaan | BOX, INEXACT],
  ["fdiv_s", [ONE, THREE], DOWN, 0x3eaa_aaaan | BOX, INEXACT],
  ["fdiv_s", [ONE, THREE], UP, 0x3eaa_aaabn | BOX, INEXACT],
  ["fdiv_s", [ONE ^ MINUS, THREE], UP, 0xbeaa_aaaan | BOX, INEXACT],
  // What is not boxed is the canonical NaN; payloads and signs of NaNs are not kept.
  ["fadd_s", [0x3f80_0000n, ONE], NEAREST_EVEN, NAN, 0],
  ["fadd_s", [0xffff_ffffn | BOX, ONE], NEAREST_EVEN, NAN, 0],
  ["fadd_s", [SIGNALING, ONE], NEAREST_EVEN, NAN, INVALID],
  ["fsub_s", [INFINITY, INFINITY], NEAREST_EVEN, NAN, INVALID],
  ["fdiv_s", [ONE, BOX], NEAREST_EVEN, INFINITY, DIVIDE],
  ["fdiv_s", [BOX, BOX], NEAREST_EVEN, NAN, INVALID],
  ["fsqrt_s", [ONE ^ MINUS], NEAREST_EVEN, NAN, INVALID],
  ["fsqrt_s", [MINUS | BOX], NEAREST_EVEN, MINUS | BOX, 0],
  // Overflow goes to infinity or to the greatest number, as the mode has it.
  ["fmul_s", [MOST, THREE], NEAREST_EVEN, INFINITY, OVERFLOW | INEXACT],
  ["fmul_s", [MOST, THREE], TO_ZERO, MOST, OVERFLOW | INEXACT],
  ["fmul_s", [MOST ^ MINUS, THREE], UP, MOST ^ MINUS, OVERFLOW | INEXACT],
  // Tininess is found after rounding: this one rounds up to the smallest normal number, and is tiny.
  ["fmul_s", [0x0080_0000n | BOX, 0x3f7f_ffffn | BOX], NEAREST_EVEN, 0x0080_0000n | BOX, 3],
  ["fmul_s", [0x0080_0001n | BOX, 0x3f7f_ffffn | BOX], NEAREST_EVEN, 0x0080_0000n | BOX, INEXACT],
  ["fmul_d", [1n, HALF_D], NEAREST_EVEN, 0n, UNDERFLOW | INEXACT],
  ["fmul_d", [1n, HALF_D], UP, 1n, UNDERFLOW | INEXACT],
  ["fmul_d", [2n, HALF_D], NEAREST_EVEN, 1n, 0],
  // Sums that cancel are a positive zero but where rounding goes down.
  ["fsub_d", [HALF_D, HALF_D], NEAREST_EVEN, 0n, 0],
  ["fsub_d", [HALF_D, HALF_D], DOWN, MINUS_D, 0],
  // Infinity times zero is invalid even with a quiet NaN added.
  ["fmadd_s", [INFINITY, BOX, NAN], NEAREST_EVEN, NAN, INVALID],
  ["fmadd_s", [ONE, THREE, NAN], NEAREST_EVEN, NAN, 0],
  // The lesser zero is the negative one; one NaN is missing data.
  ["fmin_s", [BOX, MINUS | BOX], 0, MINUS | BOX, 0],
  ["fmax_s", [MINUS | BOX, BOX], 0, BOX, 0],
  ["fmin_s", [NAN, ONE], 0, ONE, 0],
  ["fmin_s", [SIGNALING, ONE], 0, ONE, INVALID],
  ["fmax_s", [NAN, NAN ^ MINUS], 0, NAN, 0],
  // Only equality is quiet about quiet NaNs.
  ["feq_s", [NAN, ONE], 0, 0n, 0],
  ["flt_s", [NAN, ONE], 0, 0n, INVALID],
  ["fle_s", [NAN, ONE], 0, 0n, INVALID],
  ["feq_s", [SIGNALING, ONE], 0, 0n, INVALID],
  // What does not fit an integer saturates; NaN is the greatest. Words are sign-extended.
  ["fcvt_w_d", [NAN_D], NEAREST_EVEN, 0x7fff_ffffn, INVALID],
  ["fcvt_wu_d", [NAN_D], NEAREST_EVEN, 0xffff_ffff_ffff_ffffn, INVALID],
  ["fcvt_wu_d", [HALF_D | MINUS_D], TO_ZERO, 0n, INEXACT],
  ["fcvt_wu_d", [HALF_D | MINUS_D], DOWN, 0n, INVALID],
  ["fcvt_w_d", [MOST_D | MINUS_D], TO_ZERO, 0xffff_ffff_8000_0000n, INVALID],
  ["fcvt_lu_d", [MOST_D], TO_ZERO, 0xffff_ffff_ffff_ffffn, INVALID],
  ["fcvt_w_d", [HALF_D], NEAREST_EVEN, 0n, INEXACT],
  ["fcvt_w_d", [HALF_D], NEAREST_AWAY, 1n, INEXACT],
  ["fcvt_w_d", [HALF_D], UP, 1n, INEXACT],
  ["fcvt_s_l", [0x7fff_ffff_ffff_ffffn], NEAREST_EVEN, 0x5f00_0000n | BOX, INEXACT],
  ["fcvt_d_lu", [0xffff_ffff_ffff_ffffn], TO_ZERO, 0x43ef_ffff_ffff_ffffn, INEXACT],
  ["fcvt_s_d", [MOST_D], NEAREST_EVEN, INFINITY, OVERFLOW | INEXACT],
  ["fcvt_d_s", [SIGNALING], NEAREST_EVEN, NAN_D, INVALID],
  ["fclass_s", [0x3f80_0000n], 0, 1n << 9n, 0],
  ["fclass_d", [MINUS_D | 1n], 0, 1n << 2n, 0],
];

for (const [name, operands, rounding, bits, flags] of cases) {
  const shown = operands.map((value) => `0x${value.toString(16)}`).join(", ");
  Deno.test(`${name} of ${shown} in rounding mode ${rounding}`, () => {
    const [a, b = 0n, c = 0n] = operands;
    assertEquals(floatOperations[name]!(a, b, c, rounding), { bits, flags });
  });
}
