// The floating-point instructions that compute, on bits: what interpreter and translated code call when the
// host's arithmetic will not do, and what says which exceptions an operation raises.
import type { Operation } from "../instruction.ts";
import { add, divide, multiply, multiplyAdd, squareRoot, subtract } from "./arithmetic.ts";
import { convert, fromInteger, toInteger } from "./conversion.ts";
import { canonicalNaN, DOUBLE, Flag, type Format, type Result, SINGLE } from "./format.ts";

/** Operands and result are the 64 bits of registers: single precision is boxed, integers sign-extended. */
export type FloatOperation = (a: bigint, b: bigint, c: bigint, rounding: number) => Result;

const BOX = 0xffff_ffff_0000_0000n;

/** A single-precision operand: what is not boxed counts as the canonical NaN. */
function unbox(bits: bigint): bigint {
  return (bits & BOX) === BOX ? bits & 0xffff_ffffn : canonicalNaN(SINGLE);
}

function boxed(result: Result): Result {
  return { bits: result.bits | BOX, flags: result.flags };
}

type OnFormat = (a: bigint, b: bigint, c: bigint, format: Format, rounding: number) => Result;

function single(operate: OnFormat): FloatOperation {
  return (a, b, c, rounding) => boxed(operate(unbox(a), unbox(b), unbox(c), SINGLE, rounding));
}
function double(operate: OnFormat): FloatOperation {
  return (a, b, c, rounding) => operate(a, b, c, DOUBLE, rounding);
}

function negated(bits: bigint, format: Format): bigint {
  return bits ^ 1n << BigInt(format.fractionBits + format.exponentBits);
}

function isNaN(bits: bigint, { fractionBits, exponentBits }: Format): boolean {
  const magnitude = bits & (1n << BigInt(fractionBits + exponentBits)) - 1n;
  return magnitude > (1n << BigInt(exponentBits)) - 1n << BigInt(fractionBits);
}

function isSignaling(bits: bigint, format: Format): boolean {
  return isNaN(bits, format) && (bits >> BigInt(format.fractionBits - 1) & 1n) === 0n;
}

/** Order of two numbers that are not NaN; both zeros are equal. */
function compare(a: bigint, b: bigint, { fractionBits, exponentBits }: Format): number {
  const top = BigInt(fractionBits + exponentBits);
  const value = (bits: bigint) => {
    const magnitude = bits & (1n << top) - 1n;
    return bits >> top === 0n ? magnitude : -magnitude;
  };
  const x = value(a), y = value(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

function minMax(greatest: boolean): OnFormat {
  return (a, b, _c, format) => {
    const flags = isSignaling(a, format) || isSignaling(b, format) ? Flag.INVALID : 0;
    if (isNaN(a, format)) {
      return { bits: isNaN(b, format) ? canonicalNaN(format) : b, flags };
    }
    if (isNaN(b, format)) return { bits: a, flags };
    let order = compare(a, b, format);
    // The negative zero is less than the positive one.
    if (order === 0) order = a === b ? 0 : a > b ? -1 : 1;
    return { bits: (order < 0) === greatest ? b : a, flags };
  };
}

function comparison(quiet: boolean, holds: (order: number) => boolean): OnFormat {
  return (a, b, _c, format) => {
    if (isNaN(a, format) || isNaN(b, format)) {
      const signals = !quiet || isSignaling(a, format) || isSignaling(b, format);
      return { bits: 0n, flags: signals ? Flag.INVALID : 0 };
    }
    return { bits: holds(compare(a, b, format)) ? 1n : 0n, flags: 0 };
  };
}

/** fclass: one bit of ten. */
const classify: OnFormat = (a, _b, _c, format) => {
  const { fractionBits, exponentBits } = format;
  const negative = a >> BigInt(fractionBits + exponentBits) !== 0n;
  const fraction = a & (1n << BigInt(fractionBits)) - 1n;
  const most = (1 << exponentBits) - 1;
  const exponent = Number(a >> BigInt(fractionBits)) & most;
  let position: number;
  if (exponent === most) {
    position = fraction === 0n ? negative ? 0 : 7 : isSignaling(a, format) ? 8 : 9;
  } else if (exponent === 0) {
    position = fraction === 0n ? negative ? 3 : 4 : negative ? 2 : 5;
  } else position = negative ? 1 : 6;
  return { bits: 1n << BigInt(position), flags: 0 };
};

const integers: Record<string, { least: bigint; most: bigint; bits: number }> = {
  w: { least: -(2n ** 31n), most: 2n ** 31n - 1n, bits: 32 },
  wu: { least: 0n, most: 2n ** 32n - 1n, bits: 32 },
  l: { least: -(2n ** 63n), most: 2n ** 63n - 1n, bits: 64 },
  lu: { least: 0n, most: 2n ** 64n - 1n, bits: 64 },
};

function onFormat(letter: "s" | "d"): Record<string, FloatOperation> {
  const wrap = letter === "s" ? single : double;
  const format = letter === "s" ? SINGLE : DOUBLE;
  const result = letter === "s" ? boxed : (made: Result) => made;
  const operand = letter === "s" ? unbox : (bits: bigint) => bits;
  const operations: Record<string, FloatOperation> = {
    fadd: wrap((a, b, _c, f, r) => add(a, b, f, r)),
    fsub: wrap((a, b, _c, f, r) => subtract(a, b, f, r)),
    fmul: wrap((a, b, _c, f, r) => multiply(a, b, f, r)),
    fdiv: wrap((a, b, _c, f, r) => divide(a, b, f, r)),
    fsqrt: wrap((a, _b, _c, f, r) => squareRoot(a, f, r)),
    fmadd: wrap(multiplyAdd),
    fmsub: wrap((a, b, c, f, r) => multiplyAdd(a, b, negated(c, f), f, r)),
    fnmsub: wrap((a, b, c, f, r) => multiplyAdd(negated(a, f), b, c, f, r)),
    fnmadd: wrap((a, b, c, f, r) => multiplyAdd(negated(a, f), b, negated(c, f), f, r)),
    fmin: wrap(minMax(false)),
    fmax: wrap(minMax(true)),
    feq: (a, b) => comparison(true, (order) => order === 0)(operand(a), operand(b), 0n, format, 0),
    flt: (a, b) => comparison(false, (order) => order < 0)(operand(a), operand(b), 0n, format, 0),
    fle: (a, b) => comparison(false, (order) => order <= 0)(operand(a), operand(b), 0n, format, 0),
    fclass: (a) => classify(operand(a), 0n, 0n, format, 0),
  };
  for (const [name, { least, most, bits }] of Object.entries(integers)) {
    operations[`fcvt_${name}`] = (a, _b, _c, rounding) => {
      const { value, flags } = toInteger(operand(a), format, least, most, rounding);
      return { bits: BigInt.asUintN(64, BigInt.asIntN(bits, value)), flags };
    };
    operations[`fcvt_from_${name}`] = (a, _b, _c, rounding) => {
      const value = least < 0n ? BigInt.asIntN(bits, a) : BigInt.asUintN(bits, a);
      return result(fromInteger(value, format, rounding));
    };
  }
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => [
      name.startsWith("fcvt_from_")
        ? `fcvt_${letter}_${name.slice("fcvt_from_".length)}`
        : `${name}_${letter}`,
      operation,
    ]),
  );
}

/** By the names of the instructions. */
export const floatOperations = {
  ...onFormat("s"),
  ...onFormat("d"),
  fcvt_s_d: (a, _b, _c, rounding) => boxed(convert(a, DOUBLE, SINGLE, rounding)),
  fcvt_d_s: (a, _b, _c, rounding) => convert(unbox(a), SINGLE, DOUBLE, rounding),
} as Partial<Record<Operation, FloatOperation>>;
