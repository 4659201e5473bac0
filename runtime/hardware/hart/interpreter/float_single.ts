// Arithmetic and comparisons of single precision in doubles: their precision is more than twice that of
// singles, so that rounding twice does no harm, and products are exact.
import { sumRest, toOdd } from "../float/nearest.ts";
import type { Operation } from "../instruction.ts";
import { BOX, exact, putSingle, roundsToNearest } from "./float_exact.ts";
import { type Decoded, type Execute, type Machine, put } from "./machine.ts";

const SMALLEST_NORMAL = 2 ** -126;

const slow = {
  add: exact("fadd_s"),
  sub: exact("fsub_s"),
  mul: exact("fmul_s"),
  div: exact("fdiv_s"),
  sqrt: exact("fsqrt_s"),
  madd: exact("fmadd_s"),
  msub: exact("fmsub_s"),
  nmsub: exact("fnmsub_s"),
  nmadd: exact("fnmadd_s"),
  eq: exact("feq_s"),
  lt: exact("flt_s"),
  le: exact("fle_s"),
  min: exact("fmin_s"),
  max: exact("fmax_s"),
};

/** A single-precision operand; NaN also where the register does not hold one. */
function single({ floats, words }: Machine, at: number): number {
  return words[at + 1] === BOX ? floats[at] : NaN;
}

/** Whether a result needs no more than the inexact flag; the smallest normal number may have been tiny. */
function isOrdinary(result: number, inexact: boolean): boolean {
  const magnitude = Math.abs(result);
  return magnitude < Infinity && (!inexact || magnitude > SMALLEST_NORMAL);
}

/** The sum of two doubles as a single. */
function sum(
  machine: Machine,
  instruction: Decoded,
  x: number,
  y: number,
  otherwise: Execute,
): number {
  const total = x + y, rest = sumRest(x, y, total);
  // With a product for a term, the total may lie so close to the middle that it must not be rounded twice.
  const result = Math.fround(toOdd(total, rest));
  const inexact = rest !== 0 || result !== total;
  if (roundsToNearest(machine, instruction.rm) && isOrdinary(result, inexact)) {
    return putSingle(machine, instruction.d, result, inexact);
  }
  return otherwise(machine, instruction);
}

export const singleOperations: Partial<Record<Operation, Execute>> = {
  fadd_s: (machine, instruction) => {
    const x = single(machine, instruction.a), y = single(machine, instruction.b);
    return sum(machine, instruction, x, y, slow.add);
  },
  fsub_s: (machine, instruction) => {
    const x = single(machine, instruction.a), y = single(machine, instruction.b);
    return sum(machine, instruction, x, -y, slow.sub);
  },
  fmul_s: (machine, instruction) => {
    const product = single(machine, instruction.a) * single(machine, instruction.b);
    const result = Math.fround(product), inexact = result !== product;
    if (roundsToNearest(machine, instruction.rm) && isOrdinary(result, inexact)) {
      return putSingle(machine, instruction.d, result, inexact);
    }
    return slow.mul(machine, instruction);
  },
  fdiv_s: (machine, instruction) => {
    const x = single(machine, instruction.a), y = single(machine, instruction.b);
    const result = Math.fround(x / y), inexact = result * y !== x;
    // What an infinity divides is zero, and no product of it says so.
    if (
      roundsToNearest(machine, instruction.rm) && Math.abs(y) < Infinity &&
      isOrdinary(result, inexact)
    ) return putSingle(machine, instruction.d, result, inexact);
    return slow.div(machine, instruction);
  },
  fsqrt_s: (machine, instruction) => {
    const x = single(machine, instruction.a);
    const result = Math.fround(Math.sqrt(x)), inexact = result * result !== x;
    if (roundsToNearest(machine, instruction.rm) && isOrdinary(result, inexact)) {
      return putSingle(machine, instruction.d, result, inexact);
    }
    return slow.sqrt(machine, instruction);
  },
  fmadd_s: (machine, instruction) => {
    const { a, b, c } = instruction;
    const product = single(machine, a) * single(machine, b);
    return sum(machine, instruction, product, single(machine, c), slow.madd);
  },
  fmsub_s: (machine, instruction) => {
    const { a, b, c } = instruction;
    const product = single(machine, a) * single(machine, b);
    return sum(machine, instruction, product, -single(machine, c), slow.msub);
  },
  fnmsub_s: (machine, instruction) => {
    const { a, b, c } = instruction;
    const product = -single(machine, a) * single(machine, b);
    return sum(machine, instruction, product, single(machine, c), slow.nmsub);
  },
  fnmadd_s: (machine, instruction) => {
    const { a, b, c } = instruction;
    const product = -single(machine, a) * single(machine, b);
    return sum(machine, instruction, product, -single(machine, c), slow.nmadd);
  },
  feq_s: (machine, instruction) => {
    const x = single(machine, instruction.a), y = single(machine, instruction.b);
    if (x !== x || y !== y) return slow.eq(machine, instruction);
    return put(machine.words, instruction.d, x === y ? 1 : 0, 0);
  },
  flt_s: (machine, instruction) => {
    const x = single(machine, instruction.a), y = single(machine, instruction.b);
    if (x !== x || y !== y) return slow.lt(machine, instruction);
    return put(machine.words, instruction.d, x < y ? 1 : 0, 0);
  },
  fle_s: (machine, instruction) => {
    const x = single(machine, instruction.a), y = single(machine, instruction.b);
    if (x !== x || y !== y) return slow.le(machine, instruction);
    return put(machine.words, instruction.d, x <= y ? 1 : 0, 0);
  },
  // Equal numbers may be zeros of both signs.
  fmin_s: (machine, instruction) => {
    const { words: w } = machine, { a, b, d } = instruction;
    const x = single(machine, a), y = single(machine, b);
    if (x < y) return put(w, d, w[a], BOX);
    if (y < x) return put(w, d, w[b], BOX);
    return slow.min(machine, instruction);
  },
  fmax_s: (machine, instruction) => {
    const { words: w } = machine, { a, b, d } = instruction;
    const x = single(machine, a), y = single(machine, b);
    if (x > y) return put(w, d, w[a], BOX);
    if (y > x) return put(w, d, w[b], BOX);
    return slow.max(machine, instruction);
  },
};
