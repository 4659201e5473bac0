// The host's arithmetic against the exact way, on operands for which something is lost now and then.
import { assertEquals } from "@std/assert";
import { encodings } from "../encodings.ts";
import { floatOperations } from "../float/operations.ts";
import { HartMemory } from "../hart_memory.ts";
import type { Operation } from "../instruction.ts";
import { State } from "../state.ts";
import { encode } from "../testing/encode.ts";
import { Random } from "../testing/operands.ts";
import { Interpreter } from "./interpreter.ts";

const ROUNDS = 4000;
const INEXACT = 1;
const BOX = 0xffff_ffffn << 32n;
const [RD, RS1, RS2, RS3] = [1, 2, 3, 4];

const memory = new HartMemory(0);
const interpreter = new Interpreter(
  memory,
  { refill: () => false, guardCode: () => {} },
  { nowNs: () => 0 },
);

/** Random fractions with exponents near each other, or near where something over- or underflows. */
function operand(random: Random, fractionBits: number, exponentBits: number): bigint {
  const bias = (1 << exponentBits - 1) - 1;
  const most = 2 * bias;
  const near = random.pick([bias, bias, bias, bias >> 1, bias + (bias >> 1), most - 2, 2, 1]);
  const spread = random.pick([2, 2, fractionBits + 4, 2 * fractionBits]);
  const exponent = Math.max(0, Math.min(most, near + random.below(spread) - (spread >> 1)));
  // Few bits make exact results, and ties.
  const keep = BigInt(random.pick([fractionBits, fractionBits, fractionBits >> 1, 3]));
  const fraction = random.bits() & (1n << BigInt(fractionBits)) - 1n;
  const short = fraction >> BigInt(fractionBits) - keep << BigInt(fractionBits) - keep;
  const sign = random.bits() & 1n;
  return (sign << BigInt(exponentBits) | BigInt(exponent)) << BigInt(fractionBits) | short;
}

/** Operands of an operation, as registers hold them. */
function operands(random: Random, name: Operation): bigint[] {
  if (/^fcvt_[sd]_[wl]u?$/.test(name)) {
    return [BigInt.asIntN(64, random.bits()) >> BigInt(random.below(64)), 0n, 0n];
  }
  const single = name.at(-1) === "s";
  return Array.from(
    { length: 3 },
    () => single ? operand(random, 23, 8) | BOX : operand(random, 52, 11),
  );
}

for (const name of Object.keys(floatOperations) as Exclude<Operation, "illegal">[]) {
  Deno.test(`${name} as the exact operation has it`, () => {
    const random = new Random(11);
    const { view, state } = memory;
    const rounds = /ROUNDED|R4/.test(encodings[name][0]);
    const fromInteger = /^fcvt_[sd]_[wl]u?$/.test(name);
    const toInteger = /^f(cvt_[wl]u?_|eq|lt|le|class)/.test(name);
    let inexact = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const [a, b, c] = operands(random, name).map((value) => BigInt.asUintN(64, value));
      const before = round & INEXACT, rounding = round % 8 === 0 && rounds ? random.below(5) : 0;
      view.setBigUint64(state + (fromInteger ? State.X : State.F) + RS1 * 8, a, true);
      view.setBigUint64(state + State.F + RS2 * 8, b, true);
      view.setBigUint64(state + State.F + RS3 * 8, c, true);
      view.setInt32(state + State.FCSR, rounding << 5 | before, true);
      const fields = { rd: RD, rs1: RS1, rs2: RS2, rs3: RS3, rm: rounds ? 7 : 0 };
      assertEquals(interpreter.execute(encode(name, formatFields(name, fields))), true);
      const expected = floatOperations[name]!(a, b, c, rounding);
      const place = state + (toInteger ? State.X : State.F) + RD * 8;
      const found = {
        bits: view.getBigUint64(place, true),
        fcsr: view.getInt32(state + State.FCSR, true),
      };
      const wanted = { bits: expected.bits, fcsr: rounding << 5 | before | expected.flags };
      assertEquals(found, wanted, `${name} of ${[a, b, c].map((value) => value.toString(16))}`);
      inexact += expected.flags & INEXACT;
    }
    // Operands that never are inexact, or always are, would show little.
    if (/^f(n?m)?(add|sub|mul|div|sqrt)/.test(name)) {
      const share = inexact / ROUNDS;
      assertEquals(share > 0.2 && share < 0.98, true, `${share} of the results are inexact`);
    }
  });
}

/** The fields that the operation has: the bits of others say which operation it is. */
function formatFields(name: Operation, fields: Record<string, number>): Record<string, number> {
  const format = encodings[name as Exclude<Operation, "illegal">][0];
  const { rd, rs1, rs2, rs3, rm } = fields;
  if (format === "R4") return { rd, rs1, rs2, rs3, rm };
  if (format.startsWith("UNARY")) return { rd, rs1, rm };
  return { rd, rs1, rs2, rm };
}
