// Loads and stores that go by one base register: on a page, on two, and where one of them faults.
import { assertEquals } from "@std/assert";
import { Access, StopReason } from "./engine.ts";
import { Assembler, DATA_BASE, Register } from "./testing/assembler.ts";
import { eachEngine, load, OFTEN, often } from "./testing/each_engine.ts";
import { PAGE_BYTES } from "./translation_table.ts";

const { a0, a1, a2, a3, a4, t0, zero } = Register;
const READ_WRITE = Access.READ | Access.WRITE;
/** Begins 16 bytes before the second page. */
const OBJECT = DATA_BASE + PAGE_BYTES - 16;

/** Counts in three fields of an object, two of which are on the second page, and moves the pointer about. */
function counting(): Assembler {
  const a = new Assembler();
  a.li(a0, OBJECT);
  often(a, () => {
    a.emit("ld", { rd: a1, rs1: a0, imm: 8 }).emit("lw", { rd: a2, rs1: a0, imm: 16 });
    a.emit("addi", { rd: a1, rs1: a1, imm: 1 }).emit("addi", { rd: a2, rs1: a2, imm: 2 });
    a.emit("addi", { rd: a0, rs1: a0, imm: 24 }).emit("ld", { rd: a3, rs1: a0 });
    a.emit("add", { rd: a3, rs1: a3, rs2: t0 }).emit("sd", { rs1: a0, rs2: a3 });
    a.emit("addi", { rd: a0, rs1: a0, imm: -24 });
    a.emit("sd", { rs1: a0, rs2: a1, imm: 8 }).emit("sw", { rs1: a0, rs2: a2, imm: 16 });
  });
  return a.emit("ecall");
}

const SUM = BigInt(OFTEN * (OFTEN + 1) / 2);

eachEngine("an object on two pages, whose frames are neighbours", (machine) => {
  const a = counting();
  a.space(PAGE_BYTES * 2);
  load(machine, a);
  assertEquals(machine.engine.run(), StopReason.ECALL);
  const fields = new BigUint64Array(machine.read(OBJECT, 32).buffer);
  assertEquals([...fields], [0n, BigInt(OFTEN), BigInt(2 * OFTEN), SUM]);
});

eachEngine("an object on two pages, whose frames are apart", (machine) => {
  const a = counting();
  load(machine, a);
  // Frames are given in the order of mapping.
  for (const page of [2, 1, 3, 0]) {
    machine.map(DATA_BASE + page * PAGE_BYTES, PAGE_BYTES, READ_WRITE);
  }
  assertEquals(machine.engine.run(), StopReason.ECALL);
  const fields = new BigUint64Array(machine.read(OBJECT, 32).buffer);
  assertEquals([...fields], [0n, BigInt(OFTEN), BigInt(2 * OFTEN), SUM]);
});

eachEngine("a field that is not there faults when those before it are done", (machine) => {
  const a = new Assembler();
  a.space(PAGE_BYTES);
  const again = a.label();
  // Hot on a page that is there, the same code then comes to the end of memory.
  a.li(a0, DATA_BASE).li(a4, OFTEN).bind(again);
  a.emit("ld", { rd: a1, rs1: a0 }).emit("addi", { rd: a1, rs1: a1, imm: 1 });
  a.emit("sd", { rs1: a0, rs2: a1 });
  const faulting = a.here;
  a.emit("sd", { rs1: a0, rs2: a1, imm: 64 }).emit("addi", { rd: a2, rs1: a2, imm: 1 });
  a.emit("addi", { rd: a4, rs1: a4, imm: -1 }).to(again, "bne", { rs1: a4 });
  a.li(a4, 1).li(a0, DATA_BASE + PAGE_BYTES - 64).to(again, "beq", { rs1: zero });
  load(machine, a);
  assertEquals(machine.engine.run(), StopReason.PAGE_FAULT);
  assertEquals([machine.pc, machine.x(a2)], [faulting, BigInt(OFTEN)]);
  assertEquals(machine.faultAddress, BigInt(DATA_BASE + PAGE_BYTES));
  assertEquals(machine.faultAccess, Access.WRITE);
  assertEquals(machine.read(DATA_BASE + PAGE_BYTES - 64, 1)[0], 1);
});

eachEngine("a field that may not be written faults, those that are read do not", (machine) => {
  const a = new Assembler();
  a.space(PAGE_BYTES * 2);
  a.li(a0, DATA_BASE + PAGE_BYTES);
  often(a, () => {
    a.emit("ld", { rd: a1, rs1: a0, imm: 8 }).emit("ld", { rd: a2, rs1: a0, imm: 16 });
    a.emit("add", { rd: a3, rs1: a1, rs2: a2 }).emit("sd", { rs1: a0, rs2: a3, imm: -16 });
  });
  a.emit("ld", { rd: a1, rs1: a0 });
  const faulting = a.here;
  a.emit("sd", { rs1: a0, rs2: a1, imm: 8 });
  load(machine, a);
  machine.map(DATA_BASE + PAGE_BYTES, PAGE_BYTES, Access.READ);
  assertEquals(machine.engine.run(), StopReason.PAGE_FAULT);
  assertEquals([machine.pc, machine.x(t0)], [faulting, 0n]);
  assertEquals(machine.faultAccess, Access.WRITE);
});
