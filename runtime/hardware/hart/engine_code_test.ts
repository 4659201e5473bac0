// Code that is not there, that changes, or that is where addresses are large: on every engine.
import { assertEquals } from "@std/assert";
import { Access, StopReason } from "./engine.ts";
import { Assembler, DATA_BASE, Register } from "./testing/assembler.ts";
import { eachEngine, load, OFTEN, often } from "./testing/each_engine.ts";
import { encode } from "./testing/encode.ts";
import { PAGE_BYTES } from "./translation_table.ts";

const { zero, a0, a1, a2, t1, t2 } = Register;
const ALL = Access.READ | Access.WRITE | Access.EXECUTE;
const UNMAPPED = 0x5000_0000;

eachEngine(
  "code that is not there, not executable, or goes on in a page that is not there",
  (machine) => {
    const a = new Assembler();
    a.space(PAGE_BYTES * 2);
    a.li(a0, UNMAPPED).emit("jalr", { rs1: a0 });
    load(machine, a, true);
    assertEquals(machine.engine.run(), StopReason.PAGE_FAULT);
    assertEquals([machine.pc, machine.faultAddress], [UNMAPPED, BigInt(UNMAPPED)]);
    assertEquals(machine.faultAccess, Access.EXECUTE);
    // An instruction of four bytes in the last two of a page.
    const at = DATA_BASE + PAGE_BYTES - 2;
    const word = encode("addi", { rd: a1, rs1: zero, imm: 5 });
    machine.write(at, new Uint8Array(new Uint32Array([word]).buffer));
    machine.write(at + 4, new Uint8Array(new Uint32Array([encode("ecall")]).buffer));
    machine.map(DATA_BASE + PAGE_BYTES, PAGE_BYTES, Access.READ);
    machine.setPc(at);
    assertEquals(machine.engine.run(), StopReason.PAGE_FAULT);
    assertEquals([machine.pc, machine.faultAddress], [at, BigInt(at + 2)]);
    assertEquals(machine.faultAccess, Access.EXECUTE);
    machine.map(DATA_BASE + PAGE_BYTES, PAGE_BYTES, ALL);
    assertEquals(machine.engine.run(), StopReason.ECALL);
    assertEquals([machine.x(a1), machine.pc], [5n, at + 4]);
  },
);

eachEngine("code that the program itself changes, again and again", (machine) => {
  const a = new Assembler();
  a.space(PAGE_BYTES);
  const ret = encode("jalr", { rs1: Register.ra });
  // In data that is executable: addi a0, a0, 1, and then addi a0, a0, 2, and so on.
  a.li(a1, DATA_BASE).li(t1, encode("addi", { rd: a0, rs1: a0, imm: 1 }) >>> 0).li(a2, ret >>> 0);
  a.li(t2, 1 << 20).emit("sw", { rs1: a1, rs2: a2, imm: 4 });
  for (let round = 0; round < 4; round++) {
    a.emit("sw", { rs1: a1, rs2: t1 }).emit("fence_i");
    often(a, () => a.emit("jalr", { rd: Register.ra, rs1: a1 }));
    a.emit("add", { rd: t1, rs1: t1, rs2: t2 });
  }
  a.emit("ecall");
  load(machine, a, true);
  assertEquals(machine.engine.run(), StopReason.ECALL);
  assertEquals(machine.x(a0), BigInt(OFTEN * (1 + 2 + 3 + 4)));
});

eachEngine("the same addresses hold other code after the kernel has said so", (machine) => {
  for (const step of [1, 2]) {
    const a = new Assembler();
    often(a, () => a.emit("addi", { rd: a0, rs1: a0, imm: step }));
    a.emit("ecall");
    load(machine, a);
    assertEquals(machine.engine.run(), StopReason.ECALL);
    assertEquals(machine.x(a0), BigInt(OFTEN * step));
  }
});

eachEngine("addresses above 4 GiB, and code that ends where they begin", (machine) => {
  const a = new Assembler();
  a.emit("ecall");
  load(machine, a);
  const high = 2 ** 40 + 0xffff_f000;
  machine.map(high, 2 * PAGE_BYTES, ALL);
  const code = [
    encode("auipc", { rd: a0 }),
    // Across the carry into the upper word.
    encode("jal", { rd: a1, imm: 8 }),
    encode("ebreak"),
    encode("sd", { rs1: a0, rs2: a1, imm: 32 }),
    encode("ecall"),
  ];
  machine.write(high + PAGE_BYTES - 8, new Uint8Array(new Int32Array(code).buffer));
  machine.setPc(high + PAGE_BYTES - 8);
  assertEquals(machine.engine.run(), StopReason.ECALL);
  const start = BigInt(high + PAGE_BYTES - 8);
  assertEquals([machine.x(a0), machine.x(a1)], [start, start + 8n]);
  assertEquals(BigInt(machine.pc), start + 16n);
  const stored = machine.read(high + PAGE_BYTES + 24, 8);
  assertEquals(new DataView(stored.buffer).getBigUint64(0, true), start + 8n);
});
