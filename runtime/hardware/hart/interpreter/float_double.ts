// Arithmetic and comparisons of doubles with the host's operations, where the result is an ordinary number
// that rounds to nearest. What may overflow, be tiny, or involves a NaN is done exactly.
import { between, FusedMultiplyAdd, productRest, sumRest } from "../float/nearest.ts";
import type { Operation } from "../instruction.ts";
import { exact, isInexact, putDouble, roundsToNearest } from "./float_exact.ts";
import { type Decoded, type Execute, type Machine, put } from "./machine.ts";

const SMALLEST_NORMAL = 2 ** -1022;

/** Whether a result is not tiny; the smallest normal number may be a rounded one that was. */
function isNormal(x: number): boolean {
  const magnitude = Math.abs(x);
  return magnitude > SMALLEST_NORMAL && magnitude < Infinity;
}

const slow = {
  add: exact("fadd_d"),
  sub: exact("fsub_d"),
  mul: exact("fmul_d"),
  div: exact("fdiv_d"),
  sqrt: exact("fsqrt_d"),
  madd: exact("fmadd_d"),
  msub: exact("fmsub_d"),
  nmsub: exact("fnmsub_d"),
  nmadd: exact("fnmadd_d"),
  eq: exact("feq_d"),
  lt: exact("flt_d"),
  le: exact("fle_d"),
  min: exact("fmin_d"),
  max: exact("fmax_d"),
};

const fused = new FusedMultiplyAdd();

/** `x * y + z` by way of the double-double product. */
function multiplyAdd(
  machine: Machine,
  instruction: Decoded,
  x: number,
  y: number,
  z: number,
  otherwise: Execute,
): number {
  const { d, rm } = instruction;
  if (!roundsToNearest(machine, rm)) return otherwise(machine, instruction);
  const product = x * y;
  // A product of zero is exact.
  if (product === 0 && (x === 0 || y === 0) && Math.abs(z) < Infinity) {
    return putDouble(machine, d, product + z, false);
  }
  if (!(between(x) && between(y) && between(product) && (z === 0 || between(z)))) {
    return otherwise(machine, instruction);
  }
  fused.compute(x, y, z);
  if (!between(fused.result)) return otherwise(machine, instruction);
  return putDouble(machine, d, fused.result, fused.inexact);
}

export const doubleOperations: Partial<Record<Operation, Execute>> = {
  fadd_d: (machine, instruction) => {
    const { doubles } = machine, { a, b, d, rm } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1], sum = x + y;
    // Sums that are tiny are exact.
    if (roundsToNearest(machine, rm) && Math.abs(sum) < Infinity) {
      return putDouble(machine, d, sum, !isInexact(machine) && sumRest(x, y, sum) !== 0);
    }
    return slow.add(machine, instruction);
  },
  fsub_d: (machine, instruction) => {
    const { doubles } = machine, { a, b, d, rm } = instruction;
    const x = doubles[a >> 1], y = -doubles[b >> 1], sum = x + y;
    if (roundsToNearest(machine, rm) && Math.abs(sum) < Infinity) {
      return putDouble(machine, d, sum, !isInexact(machine) && sumRest(x, y, sum) !== 0);
    }
    return slow.sub(machine, instruction);
  },
  fmul_d: (machine, instruction) => {
    const { doubles } = machine, { a, b, d, rm } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1], product = x * y;
    if (roundsToNearest(machine, rm)) {
      if (isInexact(machine)) {
        if (isNormal(product)) return putDouble(machine, d, product, false);
      } else if (between(x) && between(y) && between(product)) {
        return putDouble(machine, d, product, productRest(x, y, product) !== 0);
      }
      if (product === 0 && (x === 0 || y === 0)) return putDouble(machine, d, product, false);
    }
    return slow.mul(machine, instruction);
  },
  fdiv_d: (machine, instruction) => {
    const { doubles } = machine, { a, b, d, rm } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1], quotient = x / y;
    if (roundsToNearest(machine, rm)) {
      if (isInexact(machine)) {
        // A divisor of zero gives an infinity.
        if (isNormal(quotient)) return putDouble(machine, d, quotient, false);
      } else if (between(x) && between(y) && between(quotient)) {
        const product = quotient * y;
        const inexact = product !== x || productRest(quotient, y, product) !== 0;
        return putDouble(machine, d, quotient, inexact);
      }
      if (x === 0 && quotient === 0) return putDouble(machine, d, quotient, false);
    }
    return slow.div(machine, instruction);
  },
  fsqrt_d: (machine, instruction) => {
    const { doubles } = machine, { a, d, rm } = instruction;
    const x = doubles[a >> 1], root = Math.sqrt(x);
    if (roundsToNearest(machine, rm)) {
      if (x === 0) return putDouble(machine, d, x, false);
      if (between(x) && x > 0) {
        const square = root * root;
        const inexact = square !== x || productRest(root, root, square) !== 0;
        return putDouble(machine, d, root, inexact);
      }
    }
    return slow.sqrt(machine, instruction);
  },
  fmadd_d: (machine, instruction) => {
    const { doubles } = machine, { a, b, c } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1], z = doubles[c >> 1];
    return multiplyAdd(machine, instruction, x, y, z, slow.madd);
  },
  fmsub_d: (machine, instruction) => {
    const { doubles } = machine, { a, b, c } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1], z = doubles[c >> 1];
    return multiplyAdd(machine, instruction, x, y, -z, slow.msub);
  },
  fnmsub_d: (machine, instruction) => {
    const { doubles } = machine, { a, b, c } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1], z = doubles[c >> 1];
    return multiplyAdd(machine, instruction, -x, y, z, slow.nmsub);
  },
  fnmadd_d: (machine, instruction) => {
    const { doubles } = machine, { a, b, c } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1], z = doubles[c >> 1];
    return multiplyAdd(machine, instruction, -x, y, -z, slow.nmadd);
  },
  feq_d: (machine, instruction) => {
    const { doubles, words } = machine, { a, b, d } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1];
    if (x !== x || y !== y) return slow.eq(machine, instruction);
    return put(words, d, x === y ? 1 : 0, 0);
  },
  flt_d: (machine, instruction) => {
    const { doubles, words } = machine, { a, b, d } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1];
    if (x !== x || y !== y) return slow.lt(machine, instruction);
    return put(words, d, x < y ? 1 : 0, 0);
  },
  fle_d: (machine, instruction) => {
    const { doubles, words } = machine, { a, b, d } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1];
    if (x !== x || y !== y) return slow.le(machine, instruction);
    return put(words, d, x <= y ? 1 : 0, 0);
  },
  // Equal numbers may be zeros of both signs.
  fmin_d: (machine, instruction) => {
    const { doubles, words: w } = machine, { a, b, d } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1];
    if (x < y) return put(w, d, w[a], w[a + 1]);
    if (y < x) return put(w, d, w[b], w[b + 1]);
    return slow.min(machine, instruction);
  },
  fmax_d: (machine, instruction) => {
    const { doubles, words: w } = machine, { a, b, d } = instruction;
    const x = doubles[a >> 1], y = doubles[b >> 1];
    if (x > y) return put(w, d, w[a], w[a + 1]);
    if (y > x) return put(w, d, w[b], w[b + 1]);
    return slow.max(machine, instruction);
  },
};
