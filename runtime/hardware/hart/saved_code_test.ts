// Code that outlives the machine which translated it.
import { assert, assertEquals } from "@std/assert";
import { StopReason } from "./engine.ts";
import { RiscvHart } from "./riscv_hart.ts";
import { Assembler, DATA_BASE, Register, TEXT_BASE } from "./testing/assembler.ts";
import { load, OFTEN, often } from "./testing/each_engine.ts";
import { FlatMachine } from "./testing/flat_machine.ts";
import { PAGE_BYTES } from "./translation_table.ts";

const { a0, a1, a2, ra, t0 } = Register;
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

/** Functions that are called so many times each by their addresses: the dispatcher enters them. */
function calling(times: number, step = 1, count = PIECES): Assembler {
  const a = new Assembler();
  const start = a.label(), again = a.label();
  a.li(a0, DATA_BASE).to(start, "jal");
  const functions: number[] = [];
  for (let piece = 0; piece < count; piece++) {
    functions.push(a.here);
    a.emit("ld", { rd: a1, rs1: a0 }).emit("addi", { rd: a1, rs1: a1, imm: step });
    a.emit("sd", { rs1: a0, rs2: a1 }).emit("jalr", { rs1: ra });
  }
  a.bind(start).li(t0, times).bind(again);
  for (const address of functions) a.li(a2, address).emit("jalr", { rd: ra, rs1: a2 });
  a.emit("addi", { rd: t0, rs1: t0, imm: -1 }).to(again, "bne", { rs1: t0 });
  a.space(PAGE_BYTES);
  return a.emit("ecall");
}

Deno.test("what is made better replaces what was kept, over several machines", () => {
  let file: Uint8Array<ArrayBuffer> | undefined;
  const made: number[] = [];
  // The second enters them often enough to make them better.
  for (const times of [1000, OFTEN, OFTEN, 1000]) {
    const { hart, sum } = run(machineWith(file), calling(times));
    assertEquals(sum, PIECES * times);
    made.push(hart.counters.regions);
    file = hart.save() ?? file;
  }
  assert(made[1] >= PIECES, `${made[1]} regions were made better`);
  assertEquals(made.slice(2), [0, 0]);
  // Other code at the same addresses finds nothing of it.
  const { hart, sum } = run(machineWith(file), calling(OFTEN, 3));
  assertEquals(sum, 3 * PIECES * OFTEN);
  assert(hart.counters.regions >= PIECES);
});

Deno.test("a few regions are kept if they were made better, and else are not", () => {
  const [few, better] = [1000, OFTEN].map((times) =>
    run(machineWith(), calling(times, 1, 2)).hart.save()
  );
  assertEquals(few, undefined);
  const { hart } = run(machineWith(better), calling(OFTEN, 1, 2));
  assertEquals([hart.counters.regions, hart.save()], [0, undefined]);
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

Deno.test("what is there already is taken at once, by however many address spaces", () => {
  const file = run(machineWith(), counting(1)).hart.save()!;
  const machine = machineWith(file);
  const { counters } = run(machine, counting(1)).hart;
  for (let space = 2; space < 6; space++) {
    const { interpretedBlocks } = counters;
    machine.engine.forgetJumps(machine.memory.jumps(0));
    machine.setPc(TEXT_BASE);
    assertEquals(machine.engine.run(), StopReason.ECALL);
    // What leads to each loop is interpreted, with the loop's first round.
    assert(counters.interpretedBlocks - interpretedBlocks < 1.5 * PIECES);
  }
});
