// The formats of IEEE 754: numbers are taken apart into an integer times a power of two, and put together
// again with a single rounding.

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

export type Kind = "zero" | "finite" | "infinite" | "quiet" | "signaling";

/** A number apart: `(-1)^sign * mantissa * 2^exponent`. */
export interface Unpacked {
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

export function infinity(format: Format, negative: boolean): bigint {
  const exponent = (1n << BigInt(format.exponentBits)) - 1n << BigInt(format.fractionBits);
  return negative ? exponent | signBit(format) : exponent;
}

export function zero(format: Format, negative: boolean): bigint {
  return negative ? signBit(format) : 0n;
}

/** The canonical NaN: quiet, positive, with no payload. */
export function canonicalNaN(format: Format): bigint {
  return infinity(format, false) | 1n << BigInt(format.fractionBits - 1);
}

export function unpack(bits: bigint, format: Format): Unpacked {
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

/** Bits of a number that is not zero. */
export function bitLength(value: bigint): number {
  const digits = value.toString(16);
  return digits.length * 4 - Math.clz32(parseInt(digits[0], 16)) + 28;
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
export function cut(
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
export function pack(
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

/** The result of an invalid operation. */
export function invalid(format: Format): Result {
  return { bits: canonicalNaN(format), flags: Flag.INVALID };
}

/** The result where an operand is a NaN. */
export function ofNaN(format: Format, ...operands: Unpacked[]): Result | undefined {
  if (operands.some(({ kind }) => kind === "signaling")) return invalid(format);
  if (operands.some(({ kind }) => kind === "quiet")) {
    return { bits: canonicalNaN(format), flags: 0 };
  }
  return undefined;
}

/** A result that raises nothing. */
export function exactly(bits: bigint): Result {
  return { bits, flags: 0 };
}
