// Conformance programs: for each instruction a loop over operands that writes down the result, and fcsr or
// what is in memory after it. Whoever runs such a program has its output compared record by record.
import { Assembler, DATA_BASE, Register } from "./assembler.ts";

const { a0, a1, a2, a3, a4, s0, s1, s2, t0 } = Register;
const FCSR = 3;
const OPERANDS = 3;
const RECORD_BYTES = 16;

/** Two pages that sections may write to: every program's data begins with them. */
export const SCRATCH = DATA_BASE;
const SCRATCH_BYTES = 8192;

/** One loop. The body finds operands in a0, a1, a2 and leaves what it wants to show in a3 and a4. */
export interface Section {
  name: string;
  /** up to three operands for each time around */
  operands: readonly (readonly bigint[])[];
  body(assembler: Assembler): void;
}

/** A section whose operands also are in fa0, fa1, fa2, which begins with an fcsr and shows it in a4. */
export function floatSection(
  name: string,
  operands: readonly (readonly bigint[])[],
  fcsr: number,
  body: (assembler: Assembler) => void,
): Section {
  return {
    name: `${name} with fcsr ${fcsr.toString(16)}`,
    operands,
    body(assembler) {
      for (const register of [a0, a1, a2]) {
        assembler.emit("fmv_d_x", { rd: register, rs1: register });
      }
      assembler.li(t0, fcsr).emit("csrrw", { rs1: t0, imm: FCSR });
      // Engines that leave this register to an interpreter come back from it at a jump.
      const next = assembler.label();
      assembler.to(next, "jal").bind(next);
      body(assembler);
      assembler.emit("csrrs", { rd: a4, imm: FCSR });
    },
  };
}

/** The program that runs all sections. */
export function conformanceProgram(sections: readonly Section[]): Uint8Array<ArrayBuffer> {
  const assembler = new Assembler();
  assembler.data(new Array(SCRATCH_BYTES / 8).fill(0n));
  const tables = new Map<Section["operands"], number>();
  for (const { operands } of sections) {
    if (tables.has(operands)) continue;
    const words = operands.flatMap((tuple) =>
      Array.from({ length: OPERANDS }, (_, index) => tuple[index] ?? 0n)
    );
    tables.set(operands, assembler.data(words));
  }
  const bytes = sections.reduce((sum, { operands }) => sum + operands.length * RECORD_BYTES, 0);
  const out = assembler.space(bytes);
  assembler.li(s2, out);
  for (const { operands, body } of sections) {
    assembler.li(s0, tables.get(operands)!).li(s1, operands.length);
    const again = assembler.label();
    assembler.bind(again);
    for (const [index, rd] of [a0, a1, a2].entries()) {
      assembler.emit("ld", { rd, rs1: s0, imm: index * 8 });
    }
    assembler.li(a3, 0).li(a4, 0);
    body(assembler);
    assembler.emit("sd", { rs1: s2, rs2: a3 }).emit("sd", { rs1: s2, rs2: a4, imm: 8 });
    assembler.emit("addi", { rd: s0, rs1: s0, imm: OPERANDS * 8 });
    assembler.emit("addi", { rd: s2, rs1: s2, imm: RECORD_BYTES });
    assembler.emit("addi", { rd: s1, rs1: s1, imm: -1 });
    assembler.to(again, "bne", { rs1: s1 });
  }
  return assembler.finish(out, bytes).elf();
}

/** How outputs differ, in words; the first few of each section. */
export function differences(
  sections: readonly Section[],
  expected: Uint8Array,
  actual: Uint8Array,
): string[] {
  if (expected.length !== actual.length) {
    return [`expected ${expected.length} bytes of output, got ${actual.length}`];
  }
  const wanted = new DataView(expected.buffer, expected.byteOffset);
  const found = new DataView(actual.buffer, actual.byteOffset);
  const shown: string[] = [];
  let at = 0;
  for (const { name, operands } of sections) {
    let wrong = 0;
    for (const tuple of operands) {
      const [want, want2, got, got2] = [wanted, found].flatMap((view) => [
        view.getBigUint64(at, true),
        view.getBigUint64(at + 8, true),
      ]);
      at += RECORD_BYTES;
      if (want === got && want2 === got2 || wrong++ >= 3) continue;
      const values = tuple.map(hex).join(", ");
      shown.push(
        `${name} of ${values}: expected ${hex(want)}, ${hex(want2)}; got ${hex(got)}, ${hex(got2)}`,
      );
    }
    if (wrong > 3) shown.push(`${name}: ${wrong} of ${operands.length} differ`);
  }
  return shown;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
