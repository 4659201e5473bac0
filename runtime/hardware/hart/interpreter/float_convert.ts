// Conversions between integers and numbers, and between the formats, where the host's are right: numbers that
// fit, in any rounding mode to integers, to nearest from them.
import { StopReason } from "../engine.ts";
import { Flag } from "../float/format.ts";
import { sumRest, toIntegral } from "../float/nearest.ts";
import type { Operation } from "../instruction.ts";
import { BOX, exact, putDouble, putSingle, rounding, roundsToNearest } from "./float_exact.ts";
import { type Decoded, type Execute, type Machine, put, put32 } from "./machine.ts";

const WORD = 2 ** 32;
const SMALLEST_SINGLE = 2 ** -126;
/** Integers with upper words below this, with either sign, are exact as doubles. */
const SMALL_HIGH = 1 << 20;

type Read = (machine: Machine, at: number) => number;

const double: Read = ({ doubles }, at) => doubles[at >> 1];
const single: Read = ({ floats, words }, at) => words[at + 1] === BOX ? floats[at] : NaN;

function raiseInexact({ words, fcsr }: Machine): void {
  words[fcsr] |= Flag.INEXACT;
}

/** A number to a word. @param most the first number that is too large */
function toWord(name: Operation, read: Read, least: number, most: number): Execute {
  const slow = exact(name);
  return (machine, instruction) => {
    const mode = rounding(machine, instruction.rm);
    const x = read(machine, instruction.a), value = toIntegral(x, mode);
    if (mode < 0 || !(value >= least && value < most)) return slow(machine, instruction);
    if (value !== x) raiseInexact(machine);
    return put32(machine.words, instruction.d, value | 0);
  };
}

function toLong(name: Operation, read: Read, least: number, most: number): Execute {
  const slow = exact(name);
  return (machine, instruction) => {
    const mode = rounding(machine, instruction.rm);
    const x = read(machine, instruction.a), value = toIntegral(x, mode);
    if (mode < 0 || !(value >= least && value < most)) return slow(machine, instruction);
    if (value !== x) raiseInexact(machine);
    return put(machine.words, instruction.d, value | 0, Math.floor(value / WORD) | 0);
  };
}

/** A word to a double, which is exact. */
function doubleOfWord(machine: Machine, { d, rm }: Decoded, value: number): number {
  if (rounding(machine, rm) < 0) return StopReason.ILLEGAL;
  return putDouble(machine, d, value, false);
}

function doubleOfLong(name: Operation, high: (word: number) => number): Execute {
  const slow = exact(name);
  return (machine, instruction) => {
    if (!roundsToNearest(machine, instruction.rm)) return slow(machine, instruction);
    const { words } = machine, { a, d } = instruction;
    const upper = high(words[a + 1]) * WORD, lower = words[a] >>> 0, sum = upper + lower;
    return putDouble(machine, d, sum, sumRest(upper, lower, sum) !== 0);
  };
}

function singleOfInteger(name: Operation, read: Read): Execute {
  const slow = exact(name);
  return (machine, instruction) => {
    const value = read(machine, instruction.a), result = Math.fround(value);
    if (value !== value || !roundsToNearest(machine, instruction.rm)) {
      return slow(machine, instruction);
    }
    return putSingle(machine, instruction.d, result, result !== value);
  };
}

/** A long, or NaN where a double would not be exact. */
const signedLong: Read = ({ words: w }, at) =>
  w[at + 1] + SMALL_HIGH >>> 0 < 2 * SMALL_HIGH ? w[at + 1] * WORD + (w[at] >>> 0) : NaN;
const unsignedLong: Read = ({ words: w }, at) =>
  w[at + 1] >>> 0 < SMALL_HIGH ? w[at + 1] * WORD + (w[at] >>> 0) : NaN;

const slowNarrow = exact("fcvt_s_d"), slowWiden = exact("fcvt_d_s");

export const conversions: Partial<Record<Operation, Execute>> = {
  fcvt_w_s: toWord("fcvt_w_s", single, -(2 ** 31), 2 ** 31),
  fcvt_w_d: toWord("fcvt_w_d", double, -(2 ** 31), 2 ** 31),
  fcvt_wu_s: toWord("fcvt_wu_s", single, 0, 2 ** 32),
  fcvt_wu_d: toWord("fcvt_wu_d", double, 0, 2 ** 32),
  fcvt_l_s: toLong("fcvt_l_s", single, -(2 ** 63), 2 ** 63),
  fcvt_l_d: toLong("fcvt_l_d", double, -(2 ** 63), 2 ** 63),
  fcvt_lu_s: toLong("fcvt_lu_s", single, 0, 2 ** 64),
  fcvt_lu_d: toLong("fcvt_lu_d", double, 0, 2 ** 64),
  fcvt_d_w: (machine, instruction) =>
    doubleOfWord(machine, instruction, machine.words[instruction.a]),
  fcvt_d_wu: (machine, instruction) =>
    doubleOfWord(machine, instruction, machine.words[instruction.a] >>> 0),
  fcvt_d_l: doubleOfLong("fcvt_d_l", (word) => word),
  fcvt_d_lu: doubleOfLong("fcvt_d_lu", (word) => word >>> 0),
  fcvt_s_w: singleOfInteger("fcvt_s_w", ({ words }, at) => words[at]),
  fcvt_s_wu: singleOfInteger("fcvt_s_wu", ({ words }, at) => words[at] >>> 0),
  fcvt_s_l: singleOfInteger("fcvt_s_l", signedLong),
  fcvt_s_lu: singleOfInteger("fcvt_s_lu", unsignedLong),
  fcvt_s_d: (machine, instruction) => {
    const x = machine.doubles[instruction.a >> 1], result = Math.fround(x);
    const magnitude = Math.abs(result), inexact = result !== x;
    const ordinary = !inexact || magnitude > SMALLEST_SINGLE && magnitude < Infinity;
    if (!ordinary || !roundsToNearest(machine, instruction.rm)) {
      return slowNarrow(machine, instruction);
    }
    return putSingle(machine, instruction.d, result, inexact);
  },
  fcvt_d_s: (machine, instruction) => {
    const x = single(machine, instruction.a);
    if (x !== x || rounding(machine, instruction.rm) < 0) return slowWiden(machine, instruction);
    return putDouble(machine, instruction.d, x, false);
  },
};
