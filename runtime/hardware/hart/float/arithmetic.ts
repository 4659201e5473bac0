// IEEE 754 arithmetic with exact results: operations are carried out on integers of any size, and the result
// is rounded once. Slow, and simple enough to trust. What is done with NaN, zero and infinity follows the
// RISC-V "F" and "D" chapters.
import {
  bitLength,
  exactly,
  Flag,
  type Format,
  infinity,
  invalid,
  ofNaN,
  pack,
  type Result,
  Rounding,
  unpack,
  type Unpacked,
  zero,
} from "./format.ts";

/** The sum of two unpacked numbers that are not NaN. */
function sum(a: Unpacked, b: Unpacked, format: Format, rounding: number): Result {
  if (a.kind === "infinite" || b.kind === "infinite") {
    const both = a.kind === b.kind;
    if (both && a.negative !== b.negative) return invalid(format);
    return exactly(infinity(format, a.kind === "infinite" ? a.negative : b.negative));
  }
  const exponent = Math.min(
    a.kind === "zero" ? Infinity : a.exponent,
    b.kind === "zero" ? Infinity : b.exponent,
  );
  const term = ({ kind, negative, mantissa, exponent: own }: Unpacked) => {
    if (kind === "zero") return 0n;
    const shifted = mantissa << BigInt(own - exponent);
    return negative ? -shifted : shifted;
  };
  const total = term(a) + term(b);
  if (total !== 0n) {
    const negative = total < 0n;
    return pack(negative, negative ? -total : total, exponent, false, format, rounding);
  }
  const bothZero = a.kind === "zero" && b.kind === "zero";
  const negative = bothZero && a.negative === b.negative ? a.negative : rounding === Rounding.DOWN;
  return exactly(zero(format, negative));
}

export function add(a: bigint, b: bigint, format: Format, rounding: number): Result {
  const x = unpack(a, format), y = unpack(b, format);
  return ofNaN(format, x, y) ?? sum(x, y, format, rounding);
}

export function subtract(a: bigint, b: bigint, format: Format, rounding: number): Result {
  const x = unpack(a, format), y = unpack(b, format);
  return ofNaN(format, x, y) ?? sum(x, { ...y, negative: !y.negative }, format, rounding);
}

/** The exact product of two numbers that are not NaN; undefined where it is infinity times zero. */
function product(x: Unpacked, y: Unpacked): Unpacked | undefined {
  const negative = x.negative !== y.negative;
  const kinds = [x.kind, y.kind];
  if (kinds.includes("infinite")) {
    if (kinds.includes("zero")) return undefined;
    return { kind: "infinite", negative, mantissa: 0n, exponent: 0 };
  }
  if (kinds.includes("zero")) return { kind: "zero", negative, mantissa: 0n, exponent: 0 };
  return {
    kind: "finite",
    negative,
    mantissa: x.mantissa * y.mantissa,
    exponent: x.exponent + y.exponent,
  };
}

export function multiply(a: bigint, b: bigint, format: Format, rounding: number): Result {
  const x = unpack(a, format), y = unpack(b, format);
  const nan = ofNaN(format, x, y);
  if (nan !== undefined) return nan;
  const exact = product(x, y);
  if (exact === undefined) return invalid(format);
  const { kind, negative, mantissa, exponent } = exact;
  if (kind === "infinite") return exactly(infinity(format, negative));
  if (kind === "zero") return exactly(zero(format, negative));
  return pack(negative, mantissa, exponent, false, format, rounding);
}

/** `a * b + c`, rounded once. */
export function multiplyAdd(
  a: bigint,
  b: bigint,
  c: bigint,
  format: Format,
  rounding: number,
): Result {
  const x = unpack(a, format), y = unpack(b, format), z = unpack(c, format);
  const exact = ["quiet", "signaling"].some((kind) => x.kind === kind || y.kind === kind)
    ? x
    : product(x, y);
  // Infinity times zero is invalid even where a quiet NaN is added.
  if (exact === undefined) return invalid(format);
  return ofNaN(format, x, y, z) ?? sum(exact, z, format, rounding);
}

export function divide(a: bigint, b: bigint, format: Format, rounding: number): Result {
  const x = unpack(a, format), y = unpack(b, format);
  const nan = ofNaN(format, x, y);
  if (nan !== undefined) return nan;
  const negative = x.negative !== y.negative;
  if (x.kind === y.kind && x.kind !== "finite") return invalid(format);
  if (x.kind === "infinite") return exactly(infinity(format, negative));
  if (y.kind === "infinite" || x.kind === "zero") return exactly(zero(format, negative));
  if (y.kind === "zero") return { bits: infinity(format, negative), flags: Flag.DIVIDE };
  const extra = Math.max(
    0,
    format.fractionBits + 3 + bitLength(y.mantissa) - bitLength(x.mantissa),
  );
  const dividend = x.mantissa << BigInt(extra);
  const quotient = dividend / y.mantissa;
  const sticky = quotient * y.mantissa !== dividend;
  return pack(negative, quotient, x.exponent - y.exponent - extra, sticky, format, rounding);
}

export function squareRoot(a: bigint, format: Format, rounding: number): Result {
  const x = unpack(a, format);
  const nan = ofNaN(format, x);
  if (nan !== undefined) return nan;
  if (x.kind === "zero") return exactly(a);
  if (x.negative) return invalid(format);
  if (x.kind === "infinite") return exactly(a);
  let extra = Math.max(0, 2 * (format.fractionBits + 3) - bitLength(x.mantissa));
  if ((x.exponent - extra) % 2 !== 0) extra++;
  const radicand = x.mantissa << BigInt(extra);
  const root = integerRoot(radicand);
  const sticky = root * root !== radicand;
  return pack(false, root, (x.exponent - extra) / 2, sticky, format, rounding);
}

function integerRoot(value: bigint): bigint {
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = root + value / root >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
