// Conversions between the formats, and between integers and numbers, exactly.
import {
  cut,
  exactly,
  Flag,
  type Format,
  infinity,
  ofNaN,
  pack,
  type Result,
  unpack,
  zero,
} from "./format.ts";

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
