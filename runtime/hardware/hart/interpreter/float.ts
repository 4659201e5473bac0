// Floating-point instructions: those that compute, by the host's arithmetic where that is right and exactly
// otherwise, and those that only move bits.
import { floatOperations } from "../float/operations.ts";
import { type Operation, operations } from "../instruction.ts";
import { conversions } from "./float_convert.ts";
import { doubleOperations } from "./float_double.ts";
import { BOX, exact } from "./float_exact.ts";
import { singleOperations } from "./float_single.ts";
import { type Execute, put } from "./machine.ts";

const SIGN = -0x8000_0000;
const SINGLE_NAN = 0x7fc0_0000;

/** The bits of a single-precision operand. */
function single(words: Int32Array, at: number): number {
  return words[at + 1] === BOX ? words[at] : SINGLE_NAN;
}

const move: Execute = ({ words: w }, { a, d }) => put(w, d, w[a], w[a + 1]);

const bitwise: Partial<Record<Operation, Execute>> = {
  fsgnj_s: ({ words: w }, { a, b, d }) =>
    put(w, d, single(w, a) & ~SIGN | single(w, b) & SIGN, BOX),
  fsgnjn_s: ({ words: w }, { a, b, d }) =>
    put(w, d, single(w, a) & ~SIGN | ~single(w, b) & SIGN, BOX),
  fsgnjx_s: ({ words: w }, { a, b, d }) => put(w, d, single(w, a) ^ single(w, b) & SIGN, BOX),
  fsgnj_d: ({ words: w }, { a, b, d }) => put(w, d, w[a], w[a + 1] & ~SIGN | w[b + 1] & SIGN),
  fsgnjn_d: ({ words: w }, { a, b, d }) => put(w, d, w[a], w[a + 1] & ~SIGN | ~w[b + 1] & SIGN),
  fsgnjx_d: ({ words: w }, { a, b, d }) => put(w, d, w[a], w[a + 1] ^ w[b + 1] & SIGN),
  fmv_x_w: ({ words: w }, { a, d }) => put(w, d, w[a], w[a] >> 31),
  fmv_w_x: ({ words: w }, { a, d }) => put(w, d, w[a], BOX),
  ...{ fmv_x_d: move, fmv_d_x: move },
};

const computed = operations.filter((name) => floatOperations[name] !== undefined);

export const floatInstructions: Partial<Record<Operation, Execute>> = {
  ...Object.fromEntries(computed.map((name) => [name, exact(name)])),
  ...singleOperations,
  ...doubleOperations,
  ...conversions,
  ...bitwise,
};
