// How floating-point instructions get at their operands and rounding modes, and how they are carried out
// exactly: the way that is always right, and slow.
import { StopReason } from "../engine.ts";
import { Flag } from "../float/format.ts";
import { floatOperations } from "../float/operations.ts";
import type { Operation } from "../instruction.ts";
import { type Execute, type Machine, NEXT, put } from "./machine.ts";

const DYNAMIC = 7, NEAREST = 0, RESERVED = 5;
const WORD = 0xffff_ffffn;
/** The upper word of a single-precision number's register. */
export const BOX = -1;

/** The rounding mode of an instruction; -1 where the dynamic one is reserved. */
export function rounding({ words, fcsr }: Machine, rm: number): number {
  if (rm !== DYNAMIC) return rm;
  const mode = words[fcsr] >> 5;
  return mode < RESERVED ? mode : -1;
}

/** Whether an instruction rounds as the host does. */
export function roundsToNearest({ words, fcsr }: Machine, rm: number): boolean {
  return rm === NEAREST || rm === DYNAMIC && words[fcsr] >> 5 === NEAREST;
}

/** Whether an inexact result raises nothing new. */
export function isInexact({ words, fcsr }: Machine): boolean {
  return (words[fcsr] & Flag.INEXACT) !== 0;
}

function read(words: Int32Array, at: number): bigint {
  return BigInt(words[at + 1] >>> 0) << 32n | BigInt(words[at] >>> 0);
}

/** An instruction carried out exactly; ILLEGAL for a reserved rounding mode. */
export function exact(name: Operation): Execute {
  const operation = floatOperations[name]!;
  return (machine, { a, b, c, d, rm }) => {
    const mode = rounding(machine, rm);
    if (mode < 0) return StopReason.ILLEGAL;
    const { words: w, fcsr } = machine;
    const { bits, flags } = operation(read(w, a), read(w, b), read(w, c), mode);
    w[fcsr] |= flags;
    return put(w, d, Number(bits & WORD) | 0, Number(bits >> 32n) | 0);
  };
}

export function putDouble(machine: Machine, d: number, value: number, inexact: boolean): number {
  machine.doubles[d >> 1] = value;
  if (inexact) machine.words[machine.fcsr] |= Flag.INEXACT;
  return NEXT;
}

export function putSingle(machine: Machine, d: number, value: number, inexact: boolean): number {
  machine.floats[d] = value;
  machine.words[d + 1] = BOX;
  if (inexact) machine.words[machine.fcsr] |= Flag.INEXACT;
  return NEXT;
}
