// IEEE 754 arithmetic with exact results: every finite number is an integer times a power of two, operations
// are carried out on integers of any size, and the result is rounded once. Slow, and simple enough to trust.
// The formats and the results for NaN, zero and infinity follow the RISC-V "F" and "D" chapters.

/** Accumulated exceptions, as fflags has them. */
export const Flag = { INEXACT: 1, UNDERFLOW: 2, OVERFLOW: 4, DIVIDE: 8, INVALID: 16 } as const;

/** Rounding modes, as frm has them. */
export const Rounding = { NEAREST_EVEN: 0, TO_ZERO: 1, DOWN: 2, UP: 3, NEAREST_AWAY: 4 } as const;

export interface Format {
  /** bits of the fraction that are stored */
  fractionBits: number;
  exponentBits: number;
}

export const SINGLE: Format = { fractionBits: 23, exponentBits: 8 };
export const DOUBLE: Format = { fractionBits: 52, exponentBits: 11 };

/** An operation's result: the bits of a number, and the exceptions it raised. */
export interface Result {
  bits: bigint;
  flags: number;
}

type Kind = "zero" | "finite" | "infinite" | "quiet" | "signaling";

/** A number apart: `(-1)^sign * mantissa * 2^exponent`. */
interface Unpacked {
  kind: Kind;
  negative: boolean;
  mantissa: bigint;
  exponent: number;
}

function bias({ exponentBits }: Format): number {
  return (1 << exponentBits - 1) - 1;
}

function signBit({ fractionBits, exponentBits }: Format): bigint {
  return 1n << BigInt(fractionBits + exponentBits);
}

function infinity(format: Format, negative: boolean): bigint {
  const exponent = (1n << BigInt(format.exponentBits)) - 1n << BigInt(format.fractionBits);
  return negative ? exponent | signBit(format) : exponent;
}

function zero(format: Format, negative: boolean): bigint {
  return negative ? signBit(format) : 0n;
}

/** The canonical NaN: quiet, positive, with no payload. */
export function canonicalNaN(format: Format): bigint {
  return infinity(format, false) | 1n << BigInt(format.fractionBits - 1);
}

function unpack(bits: bigint, format: Format): Unpacked {
  const { fractionBits, exponentBits } = format;
  const negative = (bits & signBit(format)) !== 0n;
  const fraction = bits & (1n << BigInt(fractionBits)) - 1n;
  const field = Number(bits >> BigInt(fractionBits) & (1n << BigInt(exponentBits)) - 1n);
  const lowest = 1 - bias(format) - fractionBits;
  if (field === (1 << exponentBits) - 1) {
    const kind = fraction === 0n
      ? "infinite"
      : fraction >> BigInt(fractionBits - 1) === 0n
      ? "signaling"
      : "quiet";
    return { kind, negative, mantissa: 0n, exponent: 0 };
  }
  if (field === 0) {
    const kind = fraction === 0n ? "zero" : "finite";
    return { kind, negative, mantissa: fraction, exponent: lowest };
  }
  const mantissa = fraction | 1n << BigInt(fractionBits);
  return { kind: "finite", negative, mantissa, exponent: lowest + field - 1 };
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}

/** Whether a magnitude with a rest behind it is rounded up. @param half -1, 0, 1: rest below, at, above half */
function roundsUp(rounding: number, negative: boolean, odd: boolean, half: number): boolean {
  switch (rounding) {
    case Rounding.NEAREST_EVEN:
      return half > 0 || half === 0 && odd;
    case Rounding.NEAREST_AWAY:
      return half >= 0;
    case Rounding.DOWN:
      return negative;
    case Rounding.UP:
      return !negative;
    default:
      return false;
  }
}

/** Cuts `drop` bits off, rounding. */
function cut(
  mantissa: bigint,
  drop: number,
  sticky: boolean,
  rounding: number,
  negative: boolean,
): { mantissa: bigint; inexact: boolean } {
  if (drop <= 0) return { mantissa: mantissa << BigInt(-drop), inexact: sticky };
  const kept = mantissa >> BigInt(drop);
  const rest = (mantissa - (kept << BigInt(drop)) << 1n) + (sticky ? 1n : 0n);
  if (rest === 0n) return { mantissa: kept, inexact: false };
  const middle = 1n << BigInt(drop);
  const half = rest > middle ? 1 : rest === middle ? 0 : -1;
  const up = roundsUp(rounding, negative, (kept & 1n) !== 0n, half);
  return { mantissa: up ? kept + 1n : kept, inexact: true };
}

/**
 * Rounds a number that is not zero to a format.
 * @param sticky whether the magnitude is a little more than what is given
 */
function pack(
  negative: boolean,
  mantissa: bigint,
  exponent: number,
  sticky: boolean,
  format: Format,
  rounding: number,
): Result {
  const { fractionBits } = format;
  // A quotient or root that came out short of the format's precision gets room for rounding.
  if (sticky) {
    mantissa <<= 2n;
    exponent -= 2;
  }
  const lowest = 1 - bias(format) - fractionBits;
  const top = bitLength(mantissa) + exponent;
  const unbounded = top - (fractionBits + 1);
  const target = Math.max(unbounded, lowest);
  let rounded = cut(mantissa, target - exponent, sticky, rounding, negative);
  let flags = rounded.inexact ? Flag.INEXACT : 0;
  if (rounded.inexact && unbounded < lowest) {
    // Tiny is what would be below the smallest normal number even with an unbounded exponent.
    const free = cut(mantissa, unbounded - exponent, sticky, rounding, negative);
    if (bitLength(free.mantissa) + unbounded < lowest + fractionBits + 1) flags |= Flag.UNDERFLOW;
  }
  let scale = target;
  if (bitLength(rounded.mantissa) > fractionBits + 1) {
    rounded = { ...rounded, mantissa: rounded.mantissa >> 1n };
    scale++;
  }
  const sign = negative ? signBit(format) : 0n;
  const hidden = rounded.mantissa >> BigInt(fractionBits);
  const field = hidden === 0n ? 0 : scale - lowest + 1;
  if (field >= (1 << format.exponentBits) - 1) {
    flags |= Flag.OVERFLOW | Flag.INEXACT;
    const toInfinity = rounding === Rounding.NEAREST_EVEN || rounding === Rounding.NEAREST_AWAY ||
      rounding === (negative ? Rounding.DOWN : Rounding.UP);
    const bits = infinity(format, negative);
    return { bits: toInfinity ? bits : bits - 1n, flags };
  }
  const fraction = rounded.mantissa & (1n << BigInt(fractionBits)) - 1n;
  return { bits: sign | BigInt(field) << BigInt(fractionBits) | fraction, flags };
}

function invalid(format: Format): Result {
  return { bits: canonicalNaN(format), flags: Flag.INVALID };
}

/** The result where an operand is a NaN. */
function ofNaN(format: Format, ...operands: Unpacked[]): Result | undefined {
  if (operands.some(({ kind }) => kind === "signaling")) return invalid(format);
  if (operands.some(({ kind }) => kind === "quiet")) {
    return { bits: canonicalNaN(format), flags: 0 };
  }
  return undefined;
}

function exactly(bits: bigint): Result {
  return { bits, flags: 0 };
}

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

/** A number of one format in another. */
export function convert(a: bigint, from: Format, to: Format, rounding: number): Result {
  const x = unpack(a, from);
  const nan = ofNaN(to, x);
  if (nan !== undefined) return nan;
  if (x.kind === "infinite") return exactly(infinity(to, x.negative));
  if (x.kind === "zero") return exactly(zero(to, x.negative));
  return pack(x.negative, x.mantissa, x.exponent, false, to, rounding);
}

/** An integer as a number. */
export function fromInteger(value: bigint, format: Format, rounding: number): Result {
  if (value === 0n) return exactly(0n);
  const negative = value < 0n;
  return pack(negative, negative ? -value : value, 0, false, format, rounding);
}

/** A number as an integer; what does not fit becomes the nearest that does, and is invalid. */
export function toInteger(
  a: bigint,
  format: Format,
  least: bigint,
  most: bigint,
  rounding: number,
): { value: bigint; flags: number } {
  const { kind, negative, mantissa, exponent } = unpack(a, format);
  if (kind === "quiet" || kind === "signaling") return { value: most, flags: Flag.INVALID };
  if (kind === "infinite") return { value: negative ? least : most, flags: Flag.INVALID };
  if (kind === "zero") return { value: 0n, flags: 0 };
  const rounded = cut(mantissa, -exponent, false, rounding, negative);
  const value = negative ? -rounded.mantissa : rounded.mantissa;
  if (value < least) return { value: least, flags: Flag.INVALID };
  if (value > most) return { value: most, flags: Flag.INVALID };
  return { value, flags: rounded.inexact ? Flag.INEXACT : 0 };
}
