// Code that outlives the machine which translated it.
import { assert, assertEquals } from "@std/assert";
import { StopReason } from "./engine.ts";
import { RiscvHart } from "./riscv_hart.ts";
import { Assembler, DATA_BASE, Register } from "./testing/assembler.ts";
import { load, OFTEN, often } from "./testing/each_engine.ts";
import { FlatMachine } from "./testing/flat_machine.ts";
import { PAGE_BYTES } from "./translation_table.ts";

const { a0, a1, a2 } = Register;
const PIECES = 40;

function machineWith(file?: Uint8Array<ArrayBuffer>): FlatMachine {
  return new FlatMachine((memory, pager, clock) =>
    new RiscvHart(memory, pager, clock, undefined, { file })
  );
}

/** Many loops, each a region of its own, that count in memory. @param step what each adds */
function counting(step: number): Assembler {
  const a = new Assembler();
  a.li(a0, DATA_BASE);
  for (let piece = 0; piece < PIECES; piece++) {
    often(a, () => {
      a.emit("ld", { rd: a1, rs1: a0 }).emit("ld", { rd: a2, rs1: a0, imm: 8 });
      a.emit("addi", { rd: a1, rs1: a1, imm: step }).emit("mulhu", { rd: a2, rs1: a1, rs2: a2 });
      a.emit("sd", { rs1: a0, rs2: a1 }).emit("sd", { rs1: a0, rs2: a2, imm: 8 });
    });
  }
  a.space(PAGE_BYTES);
  return a.emit("ecall");
}

/** Runs it to its end. @returns the hart, and the sum */
function run(machine: FlatMachine, program: Assembler): { hart: RiscvHart; sum: number } {
  load(machine, program);
  assertEquals(machine.engine.run(), StopReason.ECALL);
  const [sum] = new BigUint64Array(machine.read(DATA_BASE, 8).buffer);
  return { hart: machine.engine as RiscvHart, sum: Number(sum) };
}

Deno.test("a machine takes what an earlier one translated, and adds nothing", () => {
  const first = run(machineWith(), counting(1));
  assertEquals(first.sum, PIECES * OFTEN);
  assertEquals(first.hart.counters.restoredRegions, 0);
  const file = first.hart.save()!;
  const second = run(machineWith(file), counting(1));
  assertEquals(second.sum, PIECES * OFTEN);
  assert(second.hart.counters.restoredRegions >= PIECES);
  assertEquals(second.hart.counters.regions, 0);
  assertEquals(second.hart.save(), undefined);
});

Deno.test("code that another program has at the same addresses is not taken", () => {
  const file = run(machineWith(), counting(1)).hart.save()!;
  const other = run(machineWith(file), counting(2));
  assertEquals(other.sum, 2 * PIECES * OFTEN);
  assert(other.hart.counters.regions >= PIECES);
  // Both are remembered from then on.
  const both = other.hart.save()!;
  for (const step of [1, 2]) {
    const { hart, sum } = run(machineWith(both), counting(step));
    assertEquals(sum, step * PIECES * OFTEN);
    assertEquals(hart.counters.regions, 0);
  }
});

Deno.test("code of another translator is not taken", () => {
  const file = run(machineWith(), counting(1)).hart.save()!;
  const text = new TextDecoder("latin1").decode(file);
  const at = text.indexOf('"fingerprint":"') + '"fingerprint":"'.length;
  file[at] = file[at] === 0x30 ? 0x31 : 0x30;
  const { hart, sum } = run(machineWith(file), counting(1));
  assertEquals(sum, PIECES * OFTEN);
  assertEquals(hart.counters.restoredRegions, 0);
});
