// Which loads and stores of a region have their place found together.
import { assertEquals } from "@std/assert";
import { decode } from "../decode.ts";
import { Assembler, Register, TEXT_BASE } from "../testing/assembler.ts";
import { findAccesses } from "./access_groups.ts";
import { collect } from "./collect.ts";
import { structure } from "./structure.ts";

const { a0, a1, a2, sp } = Register;

/** What the accesses of a region are: `first access+offset of bytes from`, with marks. */
function described(a: Assembler, apart: (index: number) => boolean = () => false) {
  const text = a.emit("ecall").text();
  const view = new DataView(text.buffer);
  const fetch = (address: number) =>
    address - TEXT_BASE < text.length
      ? decode(view.getUint32(address - TEXT_BASE, true))
      : undefined;
  const region = collect(TEXT_BASE, { fetch }, { blocks: 9, instructions: 100, depth: 0 })!;
  const graph = structure(region);
  const found = findAccesses(graph, (address) => apart((address - TEXT_BASE) / 4));
  const first = new Map<number, number>();
  const blocks = [...region.blocks.values()].sort((one, other) => one.start - other.start);
  return blocks.flatMap((block) =>
    found.get(block)!.flatMap((access, index) => {
      if (access === undefined) return [];
      const { id, from, bytes, stores, once } = access.group;
      if (access.first) first.set(id, (block.addresses[index] - TEXT_BASE) / 4);
      const marks = `${stores ? " stores" : ""}${once ? " once" : ""}`;
      return [`${first.get(id)}+${access.offset} of ${bytes} from ${from}${marks}`];
    })
  );
}

Deno.test("accesses by one register are one group, whatever is between them", () => {
  const a = new Assembler();
  a.emit("ld", { rd: a1, rs1: a0, imm: 16 }).emit("lb", { rd: a2, rs1: sp, imm: 3 });
  a.emit("add", { rd: a2, rs1: a1, rs2: a2 }).emit("sw", { rs1: a0, rs2: a2, imm: -8 });
  assertEquals(described(a), [
    "0+24 of 32 from -8 stores",
    "1+0 of 1 from 3",
    "0+0 of 32 from -8 stores",
  ]);
});

Deno.test("a pointer that is moved on by a constant stays in its group", () => {
  const a = new Assembler();
  a.emit("addi", { rd: sp, rs1: sp, imm: -32 }).emit("sd", { rs1: sp, rs2: a0, imm: 8 });
  a.emit("addi", { rd: sp, rs1: sp, imm: 32 }).emit("ld", { rd: a0, rs1: sp, imm: -16 });
  assertEquals(described(a), ["1+0 of 16 from 8 stores", "1+8 of 16 from 8 stores"]);
});

Deno.test("another value of the register is another group, looked up once if nothing else goes by it", () => {
  const a = new Assembler();
  a.emit("ld", { rd: a0, rs1: a0, imm: 8 }).emit("ld", { rd: a1, rs1: a0, imm: 8 });
  a.emit("ld", { rd: a0, rs1: a0 });
  assertEquals(described(a), ["0+0 of 8 from 8", "1+8 of 16 from 0 once", "1+0 of 16 from 0 once"]);
});

Deno.test("what is far away, or has turned out to be apart, is not in the group", () => {
  const a = new Assembler();
  for (const imm of [0, 504, 512, 8]) a.emit("ld", { rd: a1, rs1: a0, imm });
  assertEquals(described(a), [
    "0+0 of 512 from 0",
    "0+504 of 512 from 0",
    "2+504 of 512 from 8",
    "2+0 of 512 from 8",
  ]);
  const b = new Assembler();
  for (const imm of [0, 8, 16]) b.emit("ld", { rd: a1, rs1: a0, imm });
  assertEquals(described(b, (index) => index < 2), [
    "0+0 of 8 from 0",
    "1+0 of 8 from 8",
    "2+0 of 8 from 16",
  ]);
});

/** A branch over what `skipped` emits. */
function unless(a: Assembler, skipped: () => void): void {
  const after = a.label();
  a.to(after, "beq", { rs1: a1, rs2: a2 });
  skipped();
  a.bind(after);
}

Deno.test("accesses of later blocks are in the group of one that always comes before", () => {
  const a = new Assembler();
  a.emit("lw", { rd: a1, rs1: a0 });
  unless(a, () => a.emit("lw", { rd: a1, rs1: a0, imm: 8 }));
  a.emit("lw", { rd: a1, rs1: a0, imm: 4 });
  assertEquals(described(a), ["0+0 of 12 from 0", "0+8 of 12 from 0", "0+4 of 12 from 0"]);
});

Deno.test("a group of loads does not become one of stores by what may not be executed", () => {
  const a = new Assembler();
  a.emit("lw", { rd: a1, rs1: a0 });
  unless(a, () => a.emit("sw", { rs1: a0, rs2: a1 }));
  assertEquals(described(a), ["0+0 of 4 from 0", "2+0 of 4 from 0 stores"]);
});

Deno.test("where paths meet a register that one of them writes is another value", () => {
  const a = new Assembler();
  a.emit("lw", { rd: a1, rs1: a0 });
  unless(a, () => a.emit("ld", { rd: a0, rs1: a0, imm: 8 }));
  a.emit("lw", { rd: a1, rs1: a0 });
  assertEquals(described(a), ["0+0 of 16 from 0", "0+8 of 16 from 0", "3+0 of 4 from 0"]);
});

Deno.test("a copy of a pointer goes by its group", () => {
  const a = new Assembler();
  a.emit("lw", { rd: a1, rs1: a0 }).emit("addi", { rd: a2, rs1: a0, imm: 16 });
  a.emit("lw", { rd: a1, rs1: a2, imm: -8 });
  assertEquals(described(a), ["0+0 of 12 from 0", "0+8 of 12 from 0"]);
});

Deno.test("in a loop a pointer that moves is another value each time", () => {
  const a = new Assembler();
  a.emit("lw", { rd: a1, rs1: a0 });
  const again = a.label();
  a.bind(again).emit("lw", { rd: a1, rs1: a0 }).emit("lw", { rd: a1, rs1: sp });
  a.emit("addi", { rd: a0, rs1: a0, imm: 4 }).to(again, "bne", { rs1: a1, rs2: a2 });
  a.emit("lw", { rd: a1, rs1: sp, imm: 4 });
  assertEquals(described(a), [
    "0+0 of 4 from 0",
    "1+0 of 4 from 0",
    "2+0 of 8 from 0",
    "2+4 of 8 from 0",
  ]);
});
