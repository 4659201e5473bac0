// What every engine owes its kernel: precise stops, and faults that change nothing.
import { assert, assertEquals } from "@std/assert";
import { Access, StopReason } from "./engine.ts";
import { Assembler, DATA_BASE, Register, TEXT_BASE } from "./testing/assembler.ts";
import { eachEngine, load, NOW, OFTEN, often } from "./testing/each_engine.ts";
import { encode } from "./testing/encode.ts";
import { PAGE_BYTES } from "./translation_table.ts";

const { a0, a1, a2, a3, t0, t1 } = Register;

eachEngine(
  "a fault stops at its instruction, after those before it and before those behind it",
  (machine) => {
    const a = new Assembler();
    // The loop reads one page after the other, until one is not there.
    a.li(a0, DATA_BASE).li(a2, 0);
    a.space(PAGE_BYTES * 4);
    const again = a.label();
    a.bind(again).emit("addi", { rd: a2, rs1: a2, imm: 1 });
    const faulting = a.here;
    a.emit("lw", { rd: a1, rs1: a0 }).emit("addi", { rd: a3, rs1: a3, imm: 1 });
    a.emit("addi", { rd: a0, rs1: a0, imm: 4 }).to(again, "jal");
    load(machine, a);
    machine.setX(a1, 77n);
    assertEquals(machine.engine.run(), StopReason.PAGE_FAULT);
    const count = BigInt(PAGE_BYTES);
    assertEquals(machine.pc, faulting);
    assertEquals(machine.faultAddress, BigInt(DATA_BASE + PAGE_BYTES * 4));
    assertEquals(machine.faultAccess, Access.READ);
    assertEquals([machine.x(a1), machine.x(a2), machine.x(a3)], [0n, count + 1n, count]);
    // Mapped, it goes on from there.
    machine.map(DATA_BASE + PAGE_BYTES * 4, PAGE_BYTES, Access.READ);
    assertEquals(machine.engine.run(), StopReason.PAGE_FAULT);
    assertEquals(machine.x(a3), count + 1024n);
  },
);

eachEngine("a store over the edge of a page writes all of it or nothing", (machine) => {
  const a = new Assembler();
  a.space(PAGE_BYTES);
  a.li(a0, DATA_BASE + PAGE_BYTES - 3).li(a1, 0x1122_3344_5566_7788n);
  a.emit("sd", { rs1: a0, rs2: a1 }).emit("ecall");
  load(machine, a);
  assertEquals(machine.engine.run(), StopReason.PAGE_FAULT);
  assertEquals(machine.faultAddress, BigInt(DATA_BASE + PAGE_BYTES));
  assertEquals(machine.faultAccess, Access.WRITE);
  assertEquals([...machine.read(DATA_BASE + PAGE_BYTES - 3, 3)], [0, 0, 0]);
  machine.map(DATA_BASE + PAGE_BYTES, PAGE_BYTES, Access.READ | Access.WRITE);
  assertEquals(machine.engine.run(), StopReason.ECALL);
  assertEquals([...machine.read(DATA_BASE + PAGE_BYTES - 3, 8)].reverse(), [
    ...[0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88],
  ]);
});

eachEngine(
  "what may only be read is not written, what may only be executed is not read",
  (machine) => {
    const a = new Assembler();
    a.space(PAGE_BYTES);
    a.li(a0, DATA_BASE);
    const at = a.here;
    a.emit("sb", { rs1: a0 }).emit("lb", { rd: a1, rs1: a0 }).emit("amoadd_w", { rs1: a0 });
    load(machine, a);
    const stops = [[Access.READ, 0, Access.WRITE], [Access.EXECUTE, 4, Access.READ]];
    for (const [allowed, offset, refused] of [...stops, [Access.READ, 8, Access.WRITE]]) {
      machine.map(DATA_BASE, PAGE_BYTES, allowed);
      machine.setPc(offset === 0 ? TEXT_BASE : at + offset);
      assertEquals(machine.engine.run(), StopReason.PAGE_FAULT);
      assertEquals([machine.pc, machine.faultAccess], [at + offset, refused]);
    }
  },
);

eachEngine("an atomic access that is not aligned is a stop of its own", (machine) => {
  const a = new Assembler();
  a.space(PAGE_BYTES);
  a.li(a0, DATA_BASE + 4);
  for (const name of ["lr_d", "sc_d", "amoadd_d"] as const) a.emit(name, { rd: a1, rs1: a0 });
  load(machine, a);
  for (let index = 0; index < 3; index++) {
    assertEquals(machine.engine.run(), StopReason.MISALIGNED);
    assertEquals(machine.faultAddress, BigInt(DATA_BASE + 4));
    machine.setPc(machine.pc + 4);
  }
});

eachEngine("instructions that are not there, and registers that are not", (machine) => {
  const a = new Assembler();
  const words = [
    0,
    0xffff_ffff,
    // mret; an unknown CSR; a counter that is written.
    0x3020_0073,
    encode("csrrs", { rd: a0, imm: 0x300 }),
    encode("csrrw", { rd: a0, imm: 0xc00 }),
    encode("csrrsi", { rd: a0, rs1: 1, imm: 0xc01 }),
  ];
  for (const word of words) a.word(word);
  load(machine, a);
  for (const [index] of words.entries()) {
    machine.setPc(TEXT_BASE + index * 4);
    assertEquals(machine.engine.run(), StopReason.ILLEGAL);
    assertEquals(machine.pc, TEXT_BASE + index * 4);
  }
});

eachEngine("a reserved dynamic rounding mode makes arithmetic illegal, hot or not", (machine) => {
  const a = new Assembler();
  often(a, () => a.emit("fadd_d", { rd: 1, rs1: 2, rs2: 3, rm: 7 }));
  a.emit("csrrwi", { imm: 2, rs1: 5 });
  const next = a.label();
  a.to(next, "jal").bind(next);
  // Comparisons do not round.
  a.emit("feq_d", { rd: a0, rs1: 1, rs2: 1 });
  const at = a.here;
  a.emit("fadd_d", { rd: 1, rs1: 2, rs2: 3, rm: 7 });
  load(machine, a);
  assertEquals(machine.engine.run(), StopReason.ILLEGAL);
  assertEquals([machine.pc, machine.x(a0), machine.x(t0)], [at, 1n, 0n]);
});

eachEngine("counters are the machine's clock", (machine) => {
  const a = new Assembler();
  for (const imm of [0xc00, 0xc01, 0xc02]) a.emit("csrrs", { rd: a0 + imm - 0xc00, imm });
  a.emit("ebreak");
  load(machine, a);
  assertEquals(machine.engine.run(), StopReason.BREAKPOINT);
  for (const register of [a0, a1, a2]) assertEquals(machine.x(register), BigInt(NOW));
});

eachEngine("a budget stops between instructions, and nothing is lost or done twice", (machine) => {
  const a = new Assembler();
  often(a, () => {
    a.emit("addi", { rd: a0, rs1: a0, imm: 1 }).emit("addi", { rd: a1, rs1: a1, imm: 3 });
    const skip = a.label();
    a.emit("andi", { rd: t1, rs1: a0, imm: 1 }).to(skip, "beq", { rs1: t1 });
    a.emit("addi", { rd: a2, rs1: a2, imm: 5 }).bind(skip);
  });
  a.emit("ecall");
  load(machine, a);
  let stops = 0;
  machine.setBudget(97);
  for (let reason = machine.engine.run(); reason !== StopReason.ECALL; stops++) {
    assertEquals(reason, StopReason.BUDGET);
    assert(machine.budget <= 0 && machine.budget > -2000, `${machine.budget} left`);
    machine.setBudget(97);
    reason = machine.engine.run();
  }
  assert(stops > 100, `${stops} stops`);
  const often64 = BigInt(OFTEN);
  assertEquals(
    [machine.x(a0), machine.x(a1), machine.x(a2)],
    [often64, often64 * 3n, often64 / 2n * 5n],
  );
});

eachEngine("reservations outlast a stop, not another value in memory", (machine) => {
  const a = new Assembler();
  a.space(PAGE_BYTES);
  a.li(a0, DATA_BASE).li(a1, 5);
  const at = a.here;
  a.emit("lr_d", { rd: a2, rs1: a0 }).emit("ebreak").emit("sc_d", { rd: a3, rs1: a0, rs2: a1 });
  a.emit("ebreak");
  load(machine, a);
  for (const [meanwhile, failed] of [[0, 0n], [9, 1n]] as const) {
    machine.setX(a3, 7n);
    assertEquals(machine.engine.run(), StopReason.BREAKPOINT);
    if (meanwhile !== 0) machine.write(DATA_BASE, new Uint8Array([meanwhile]));
    machine.setPc(at + 8);
    assertEquals(machine.engine.run(), StopReason.BREAKPOINT);
    assertEquals(machine.x(a3), failed);
    assertEquals(machine.read(DATA_BASE, 1)[0], meanwhile === 0 ? 5 : meanwhile);
    machine.setPc(at);
  }
});
