// Calls of what is far away, and by way of a linkage table: on every engine.
import { assertEquals } from "@std/assert";
import { StopReason } from "./engine.ts";
import { Assembler, Register } from "./testing/assembler.ts";
import { eachEngine, load, OFTEN, often } from "./testing/each_engine.ts";
import type { Name } from "./testing/named.ts";

const { a0, a1, a2, ra, s1, s2, t1, t3 } = Register;

/** An address as `auipc` and the instruction behind it have it. */
function far(a: Assembler, base: number, target: number, name: Name, rd: number): void {
  const distance = target - a.here, upper = distance + 0x800 & ~0xfff;
  a.emit("auipc", { rd: base, imm: upper }).emit(name, { rd, rs1: base, imm: distance - upper });
}

interface Program {
  assembler: Assembler;
  /** address behind the jump through the table */
  behind: number;
}

/**
 * A function that calls one that adds 1 by its address, and one by a table, OFTEN times while the table has
 * that function, and as often while it has one that adds 3.
 */
function program(): Program {
  const a = new Assembler();
  const start = a.label();
  const table = a.data([0n]);
  a.to(start, "jal");
  const functions = [1, 3].map((step) => {
    const at = a.here;
    a.emit("addi", { rd: a0, rs1: a0, imm: step }).emit("jalr", { rs1: ra });
    return at;
  });
  const stub = a.here;
  far(a, t3, table, "ld", t3);
  a.emit("jalr", { rd: t1, rs1: t3 });
  const behind = a.here;
  const caller = a.here;
  a.emit("addi", { rd: s1, rs1: ra });
  far(a, ra, functions[0], "jalr", ra);
  far(a, ra, stub, "jalr", ra);
  a.emit("jalr", { rs1: s1 });
  a.bind(start).li(a0, 0).li(s2, table).li(a2, caller);
  for (const each of functions) {
    a.li(a1, each).emit("sd", { rs1: s2, rs2: a1 });
    often(a, () => a.emit("jalr", { rd: ra, rs1: a2 }));
  }
  return { assembler: a.emit("ecall"), behind };
}

eachEngine(
  "a linkage table that changes after its target has become part of a region",
  (machine) => {
    const { assembler, behind } = program();
    load(machine, assembler);
    assertEquals(machine.engine.run(), StopReason.ECALL);
    assertEquals(machine.x(a0), BigInt(OFTEN * (1 + 1) + OFTEN * (1 + 3)));
    assertEquals(machine.x(t1), BigInt(behind));
  },
);
