// The "M" extension. Division by zero and overflow have the results that the specification gives them.
import type { Operation } from "../instruction.ts";
import { type Execute, put, put32 } from "./machine.ts";

const WORD = 2 ** 32;
/** Numbers whose upper word is below this, with either sign, and their quotients are exact as doubles. */
const SMALL_HIGH = 1 << 19;

/** The upper half of the product of two words without sign. */
function wordHigh(a: number, b: number): number {
  const al = a & 0xffff, ah = a >>> 16, bl = b & 0xffff, bh = b >>> 16;
  // No sum here reaches 2^32 but the last.
  const middle = ah * bl + (al * bl >>> 16);
  const other = al * bh + (middle & 0xffff);
  return ah * bh + (middle >>> 16) + (other >>> 16);
}

/** The upper half of the product of two numbers without sign, less what signs take away. */
function high(
  w: Int32Array,
  d: number,
  a: number,
  b: number,
  signedA: boolean,
  signedB: boolean,
): number {
  const al = w[a], ah = w[a + 1], bl = w[b], bh = w[b + 1];
  const middle = wordHigh(al, bl) + (Math.imul(ah, bl) >>> 0) + (Math.imul(al, bh) >>> 0);
  const low = wordHigh(ah, bl) + wordHigh(al, bh) + (Math.imul(ah, bh) >>> 0) +
    Math.floor(middle / WORD);
  let resultLow = low | 0, resultHigh = wordHigh(ah, bh) + Math.floor(low / WORD) | 0;
  if (signedA && ah < 0) {
    resultHigh = resultHigh - bh - (resultLow >>> 0 < bl >>> 0 ? 1 : 0) | 0;
    resultLow = resultLow - bl | 0;
  }
  if (signedB && bh < 0) {
    resultHigh = resultHigh - ah - (resultLow >>> 0 < al >>> 0 ? 1 : 0) | 0;
    resultLow = resultLow - al | 0;
  }
  return put(w, d, resultLow, resultHigh);
}

function isSmall(high: number): boolean {
  return high + SMALL_HIGH >>> 0 < 2 * SMALL_HIGH;
}

/** A number whose upper word is small. */
function small(w: Int32Array, at: number): number {
  return w[at + 1] * WORD + (w[at] >>> 0);
}

function putSmall(w: Int32Array, d: number, value: number): number {
  return put(w, d, value | 0, Math.floor(value / WORD));
}

function signed(w: Int32Array, at: number): bigint {
  return BigInt(w[at + 1]) << 32n | BigInt(w[at] >>> 0);
}
function unsigned(w: Int32Array, at: number): bigint {
  return BigInt(w[at + 1] >>> 0) << 32n | BigInt(w[at] >>> 0);
}
function putBig(w: Int32Array, d: number, value: bigint): number {
  return put(w, d, Number(value & 0xffff_ffffn) | 0, Number(value >> 32n & 0xffff_ffffn) | 0);
}

function divide(w: Int32Array, d: number, a: number, b: number): number {
  if ((w[b] | w[b + 1]) === 0) return put(w, d, -1, -1);
  if (isSmall(w[a + 1]) && isSmall(w[b + 1])) {
    return putSmall(w, d, Math.trunc(small(w, a) / small(w, b)));
  }
  return putBig(w, d, signed(w, a) / signed(w, b));
}

function remainder(w: Int32Array, d: number, a: number, b: number): number {
  if ((w[b] | w[b + 1]) === 0) return put(w, d, w[a], w[a + 1]);
  if (isSmall(w[a + 1]) && isSmall(w[b + 1])) return putSmall(w, d, small(w, a) % small(w, b));
  return putBig(w, d, signed(w, a) % signed(w, b));
}

export const multiplyOperations: Partial<Record<Operation, Execute>> = {
  mul: ({ words: w }, { d, a, b }) => {
    const al = w[a], bl = w[b];
    const high = wordHigh(al, bl) + Math.imul(al, w[b + 1]) + Math.imul(w[a + 1], bl) | 0;
    return put(w, d, Math.imul(al, bl), high);
  },
  mulh: ({ words: w }, { d, a, b }) => high(w, d, a, b, true, true),
  mulhsu: ({ words: w }, { d, a, b }) => high(w, d, a, b, true, false),
  mulhu: ({ words: w }, { d, a, b }) => high(w, d, a, b, false, false),
  div: ({ words: w }, { d, a, b }) => divide(w, d, a, b),
  // Without the upper bit, numbers are the same with and without sign.
  divu: ({ words: w }, { d, a, b }) => {
    if (w[a + 1] >= 0 && w[b + 1] >= 0) return divide(w, d, a, b);
    const divisor = unsigned(w, b);
    return putBig(w, d, divisor === 0n ? -1n : unsigned(w, a) / divisor);
  },
  rem: ({ words: w }, { d, a, b }) => remainder(w, d, a, b),
  remu: ({ words: w }, { d, a, b }) => {
    if (w[a + 1] >= 0 && w[b + 1] >= 0) return remainder(w, d, a, b);
    const divisor = unsigned(w, b);
    return putBig(w, d, divisor === 0n ? unsigned(w, a) : unsigned(w, a) % divisor);
  },
  mulw: ({ words: w }, { d, a, b }) => put32(w, d, Math.imul(w[a], w[b])),
  divw: ({ words: w }, { d, a, b }) => put32(w, d, w[b] === 0 ? -1 : w[a] / w[b] | 0),
  divuw: ({ words: w }, { d, a, b }) =>
    put32(w, d, w[b] === 0 ? -1 : (w[a] >>> 0) / (w[b] >>> 0) | 0),
  remw: ({ words: w }, { d, a, b }) => put32(w, d, w[b] === 0 ? w[a] : w[a] % w[b] | 0),
  remuw: ({ words: w }, { d, a, b }) =>
    put32(w, d, w[b] === 0 ? w[a] : (w[a] >>> 0) % (w[b] >>> 0) | 0),
};
