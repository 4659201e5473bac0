// The "M" extension. Division by zero and overflow have the results that the specification gives them.
import type { Operation } from "../instruction.ts";
import { type Execute, NEXT } from "./machine.ts";

function signed(words: Int32Array, at: number): bigint {
  return BigInt(words[at + 1]) << 32n | BigInt(words[at] >>> 0);
}
function unsigned(words: Int32Array, at: number): bigint {
  return BigInt(words[at + 1] >>> 0) << 32n | BigInt(words[at] >>> 0);
}

function put(words: Int32Array, d: number, value: bigint): number {
  words[d] = Number(BigInt.asIntN(32, value));
  words[d + 1] = Number(BigInt.asIntN(32, value >> 32n));
  return NEXT;
}

function put32(words: Int32Array, d: number, value: number): number {
  words[d] = value;
  words[d + 1] = value >> 31;
  return NEXT;
}

/** The upper half of the product of two unsigned words. */
function multiplyHigh(a: number, b: number): number {
  const al = a & 0xffff, ah = a >>> 16, bl = b & 0xffff, bh = b >>> 16;
  const middle = ah * bl + (al * bl >>> 16);
  const other = al * bh + (middle & 0xffff);
  return ah * bh + Math.floor(middle / 65536) + Math.floor(other / 65536) | 0;
}

type Read = (words: Int32Array, at: number) => bigint;

function upperProduct(readA: Read, readB: Read): Execute {
  return ({ words: w }, { d, a, b }) => put(w, d, readA(w, a) * readB(w, b) >> 64n);
}

/** Operands that are small are divided as numbers. */
function quotient(read: Read): Execute {
  return ({ words: w }, { d, a, b }) => {
    if (w[a + 1] === 0 && w[b + 1] === 0 && w[b] !== 0) {
      w[d] = Math.floor((w[a] >>> 0) / (w[b] >>> 0));
      w[d + 1] = 0;
      return NEXT;
    }
    const divisor = read(w, b);
    return put(w, d, divisor === 0n ? -1n : read(w, a) / divisor);
  };
}

function remainder(read: Read): Execute {
  return ({ words: w }, { d, a, b }) => {
    if (w[a + 1] === 0 && w[b + 1] === 0 && w[b] !== 0) {
      w[d] = (w[a] >>> 0) % (w[b] >>> 0);
      w[d + 1] = 0;
      return NEXT;
    }
    const divisor = read(w, b), dividend = read(w, a);
    return put(w, d, divisor === 0n ? dividend : dividend % divisor);
  };
}

/** An operation on the lower words. */
function words32(operate: (a: number, b: number) => number): Execute {
  return ({ words: w }, { d, a, b }) => put32(w, d, operate(w[a], w[b]) | 0);
}

export const multiplyOperations: Partial<Record<Operation, Execute>> = {
  mul: ({ words: w }, { d, a, b }) => {
    const al = w[a], ah = w[a + 1], bl = w[b], bh = w[b + 1];
    w[d] = Math.imul(al, bl);
    w[d + 1] = multiplyHigh(al, bl) + Math.imul(al, bh) + Math.imul(ah, bl) | 0;
    return NEXT;
  },
  mulh: upperProduct(signed, signed),
  mulhsu: upperProduct(signed, unsigned),
  mulhu: upperProduct(unsigned, unsigned),
  div: quotient(signed),
  divu: quotient(unsigned),
  rem: remainder(signed),
  remu: remainder(unsigned),
  mulw: words32(Math.imul),
  divw: words32((a, b) => b === 0 ? -1 : a / b),
  divuw: words32((a, b) => b === 0 ? -1 : (a >>> 0) / (b >>> 0)),
  remw: words32((a, b) => b === 0 ? a : a % b),
  remuw: words32((a, b) => b === 0 ? a : (a >>> 0) % (b >>> 0)),
};
