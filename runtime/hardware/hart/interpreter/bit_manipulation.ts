// Zba, Zbb, Zbs. Immediate forms read their operand like a register.
import type { Operation } from "../instruction.ts";
import { type Execute, put, put32 } from "./machine.ts";
import { lessSigned, lessUnsigned } from "./order.ts";

function add(w: Int32Array, d: number, al: number, ah: number, bl: number, bh: number): number {
  const low = al + bl | 0;
  return put(w, d, low, ah + bh + (low >>> 0 < al >>> 0 ? 1 : 0) | 0);
}

function rotateRight(w: Int32Array, d: number, a: number, by: number): number {
  const swapped = (by & 32) !== 0;
  const low = swapped ? w[a + 1] : w[a], high = swapped ? w[a] : w[a + 1];
  return put(w, d, low >>> by | high << 1 << ~by, high >>> by | low << 1 << ~by);
}

function rotateRight32(value: number, by: number): number {
  return value >>> by | value << 1 << ~by;
}

function ones(value: number): number {
  value -= value >>> 1 & 0x5555_5555;
  value = (value & 0x3333_3333) + (value >>> 2 & 0x3333_3333);
  return Math.imul(value + (value >>> 4) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

function trailingZeros(value: number): number {
  return value === 0 ? 32 : 31 - Math.clz32(value & -value);
}

/** Each byte all ones where any bit of it is set. */
function orBytes(value: number): number {
  value |= value >>> 4 & 0x0f0f_0f0f;
  value |= value >>> 2 & 0x3333_3333;
  value |= value >>> 1 & 0x5555_5555;
  return Math.imul(value & 0x0101_0101, 0xff);
}

function reverseBytes(value: number): number {
  return value << 24 | (value & 0xff00) << 8 | value >>> 8 & 0xff00 | value >>> 24;
}

/** The words of a number with a single bit set. */
function bitLow(by: number): number {
  return (by & 32) === 0 ? 1 << by : 0;
}
function bitHigh(by: number): number {
  return (by & 32) === 0 ? 0 : 1 << by;
}

const ror: Execute = ({ words: w }, { d, a, b }) => rotateRight(w, d, a, w[b]);
const rorw: Execute = ({ words: w }, { d, a, b }) => put32(w, d, rotateRight32(w[a], w[b]));
const bclr: Execute = ({ words: w }, { d, a, b }) =>
  put(w, d, w[a] & ~bitLow(w[b]), w[a + 1] & ~bitHigh(w[b]));
const bset: Execute = ({ words: w }, { d, a, b }) =>
  put(w, d, w[a] | bitLow(w[b]), w[a + 1] | bitHigh(w[b]));
const binv: Execute = ({ words: w }, { d, a, b }) =>
  put(w, d, w[a] ^ bitLow(w[b]), w[a + 1] ^ bitHigh(w[b]));
const bext: Execute = ({ words: w }, { d, a, b }) =>
  put(w, d, ((w[b] & 32) === 0 ? w[a] : w[a + 1]) >>> w[b] & 1, 0);

/** Copies one of two registers. */
function copy(w: Int32Array, d: number, from: number): number {
  return put(w, d, w[from], w[from + 1]);
}

export const bitOperations: Partial<Record<Operation, Execute>> = {
  // Zba
  add_uw: ({ words: w }, { d, a, b }) => add(w, d, w[a], 0, w[b], w[b + 1]),
  sh1add: ({ words: w }, { d, a, b }) =>
    add(w, d, w[a] << 1, w[a + 1] << 1 | w[a] >>> 31, w[b], w[b + 1]),
  sh2add: ({ words: w }, { d, a, b }) =>
    add(w, d, w[a] << 2, w[a + 1] << 2 | w[a] >>> 30, w[b], w[b + 1]),
  sh3add: ({ words: w }, { d, a, b }) =>
    add(w, d, w[a] << 3, w[a + 1] << 3 | w[a] >>> 29, w[b], w[b + 1]),
  sh1add_uw: ({ words: w }, { d, a, b }) => add(w, d, w[a] << 1, w[a] >>> 31, w[b], w[b + 1]),
  sh2add_uw: ({ words: w }, { d, a, b }) => add(w, d, w[a] << 2, w[a] >>> 30, w[b], w[b + 1]),
  sh3add_uw: ({ words: w }, { d, a, b }) => add(w, d, w[a] << 3, w[a] >>> 29, w[b], w[b + 1]),
  slli_uw: ({ words: w }, { d, a, b }) => {
    const low = w[a], by = w[b];
    return (by & 32) !== 0 ? put(w, d, 0, low << by) : put(w, d, low << by, low >>> 1 >>> ~by);
  },
  // Zbb
  andn: ({ words: w }, { d, a, b }) => put(w, d, w[a] & ~w[b], w[a + 1] & ~w[b + 1]),
  orn: ({ words: w }, { d, a, b }) => put(w, d, w[a] | ~w[b], w[a + 1] | ~w[b + 1]),
  xnor: ({ words: w }, { d, a, b }) => put(w, d, ~(w[a] ^ w[b]), ~(w[a + 1] ^ w[b + 1])),
  clz: ({ words: w }, { d, a }) => {
    const high = w[a + 1];
    return put(w, d, high === 0 ? 32 + Math.clz32(w[a]) : Math.clz32(high), 0);
  },
  clzw: ({ words: w }, { d, a }) => put(w, d, Math.clz32(w[a]), 0),
  ctz: ({ words: w }, { d, a }) => {
    const low = w[a];
    return put(w, d, low === 0 ? 32 + trailingZeros(w[a + 1]) : trailingZeros(low), 0);
  },
  ctzw: ({ words: w }, { d, a }) => put(w, d, trailingZeros(w[a]), 0),
  cpop: ({ words: w }, { d, a }) => put(w, d, ones(w[a]) + ones(w[a + 1]), 0),
  cpopw: ({ words: w }, { d, a }) => put(w, d, ones(w[a]), 0),
  max: ({ words: w }, { d, a, b }) =>
    copy(w, d, lessSigned(w[a], w[a + 1], w[b], w[b + 1]) ? b : a),
  maxu: ({ words: w }, { d, a, b }) =>
    copy(w, d, lessUnsigned(w[a], w[a + 1], w[b], w[b + 1]) ? b : a),
  min: ({ words: w }, { d, a, b }) =>
    copy(w, d, lessSigned(w[a], w[a + 1], w[b], w[b + 1]) ? a : b),
  minu: ({ words: w }, { d, a, b }) =>
    copy(w, d, lessUnsigned(w[a], w[a + 1], w[b], w[b + 1]) ? a : b),
  sext_b: ({ words: w }, { d, a }) => put32(w, d, w[a] << 24 >> 24),
  sext_h: ({ words: w }, { d, a }) => put32(w, d, w[a] << 16 >> 16),
  zext_h: ({ words: w }, { d, a }) => put(w, d, w[a] & 0xffff, 0),
  rol: ({ words: w }, { d, a, b }) => rotateRight(w, d, a, -w[b]),
  rolw: ({ words: w }, { d, a, b }) => put32(w, d, rotateRight32(w[a], -w[b])),
  ...{ ror, rori: ror, rorw, roriw: rorw },
  orc_b: ({ words: w }, { d, a }) => put(w, d, orBytes(w[a]), orBytes(w[a + 1])),
  rev8: ({ words: w }, { d, a }) => put(w, d, reverseBytes(w[a + 1]), reverseBytes(w[a])),
  // Zbs
  ...{ bclr, bclri: bclr, bext, bexti: bext, binv, binvi: binv, bset, bseti: bset },
};
