// Floating point in the interpreter. Most operations take the exact way; addition, multiplication and
// division of doubles the host's, where it is known to raise nothing new.
import { StopReason } from "../engine.ts";
import { Flag } from "../float/exact.ts";
import { floatOperations } from "../float/operations.ts";
import { type Operation, operations } from "../instruction.ts";
import { type Decoded, type Execute, type Machine, NEXT } from "./machine.ts";

const DYNAMIC = 7;
const SMALLEST_NORMAL = 2 ** -1022;

/** The rounding mode of an instruction; -1 where the dynamic one is reserved. */
function rounding(machine: Machine, rm: number): number {
  const mode = rm === DYNAMIC ? machine.words[machine.fcsr] >> 5 & 7 : rm;
  return mode > 4 ? -1 : mode;
}

function read(words: Int32Array, at: number): bigint {
  return BigInt(words[at + 1] >>> 0) << 32n | BigInt(words[at] >>> 0);
}

/**
 * Carries out an instruction exactly.
 * @param at places of the sources and the destination in `Machine.words`
 * @returns NEXT, or ILLEGAL for a reserved rounding mode
 */
function exactly(machine: Machine, name: Operation, { a, b, c, d, rm }: Decoded): number {
  const mode = rounding(machine, rm);
  if (mode < 0) return StopReason.ILLEGAL;
  const w = machine.words;
  const result = floatOperations[name]!(read(w, a), read(w, b), read(w, c), mode);
  w[machine.fcsr] |= result.flags;
  w[d] = Number(result.bits & 0xffff_ffffn) | 0;
  w[d + 1] = Number(result.bits >> 32n) | 0;
  return NEXT;
}

/** Whether the host's rounding to nearest is what is asked, and an inexact result is nothing new. */
function hostWill(machine: Machine, rm: number): boolean {
  const fcsr = machine.words[machine.fcsr];
  return (fcsr & Flag.INEXACT) !== 0 && (rm === 0 || rm === DYNAMIC && fcsr >> 5 === 0);
}

/** An operation on doubles with the host's arithmetic where the result is an ordinary number. */
function double(name: Operation, operate: (x: number, y: number) => number): Execute {
  return (machine, instruction) => {
    if (hostWill(machine, instruction.rm)) {
      const { doubles } = machine, { a, b, d } = instruction;
      const result = operate(doubles[a >> 1], doubles[b >> 1]);
      const magnitude = Math.abs(result);
      // The smallest normal number may be a rounded one that was tiny.
      if (magnitude > SMALLEST_NORMAL && magnitude < Infinity) {
        doubles[d >> 1] = result;
        return NEXT;
      }
    }
    return exactly(machine, name, instruction);
  };
}

/** Copies a sign: on the upper word of a double, or the only word of a boxed single. */
function sign(single: boolean, combine: (a: number, b: number) => number): Execute {
  return ({ words: w }, { a, b, d }) => {
    if (single) {
      const x = w[a + 1] === -1 ? w[a] : 0x7fc0_0000, y = w[b + 1] === -1 ? w[b] : 0x7fc0_0000;
      w[d] = x & 0x7fff_ffff | combine(x, y) & 0x8000_0000;
      w[d + 1] = -1;
    } else {
      const high = w[a + 1] & 0x7fff_ffff | combine(w[a + 1], w[b + 1]) & 0x8000_0000;
      w[d] = w[a];
      w[d + 1] = high;
    }
    return NEXT;
  };
}

const exact = Object.fromEntries(
  operations.filter((name) => floatOperations[name] !== undefined).map((
    name,
  ) => [name, (machine: Machine, instruction: Decoded) => exactly(machine, name, instruction)]),
) as Partial<Record<Operation, Execute>>;

export const floatInstructions: Partial<Record<Operation, Execute>> = {
  ...exact,
  fadd_d: double("fadd_d", (x, y) => x + y),
  fsub_d: double("fsub_d", (x, y) => x - y),
  fmul_d: double("fmul_d", (x, y) => x * y),
  fdiv_d: double("fdiv_d", (x, y) => x / y),
  fsqrt_d: double("fsqrt_d", (x) => Math.sqrt(x)),
  fsgnj_s: sign(true, (_a, b) => b),
  fsgnjn_s: sign(true, (_a, b) => ~b),
  fsgnjx_s: sign(true, (a, b) => a ^ b),
  fsgnj_d: sign(false, (_a, b) => b),
  fsgnjn_d: sign(false, (_a, b) => ~b),
  fsgnjx_d: sign(false, (a, b) => a ^ b),
  fmv_x_w: ({ words: w }, { a, d }) => {
    w[d] = w[a];
    w[d + 1] = w[a] >> 31;
    return NEXT;
  },
  fmv_w_x: ({ words: w }, { a, d }) => {
    w[d] = w[a];
    w[d + 1] = -1;
    return NEXT;
  },
  fmv_x_d: move,
  fmv_d_x: move,
};

function move({ words: w }: Machine, { a, d }: Decoded): number {
  const high = w[a + 1];
  w[d] = w[a];
  w[d + 1] = high;
  return NEXT;
}
