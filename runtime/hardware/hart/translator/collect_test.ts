// What becomes one region, and what of the program around it does not.
import { assert, assertEquals } from "@std/assert";
import { decode } from "../decode.ts";
import { Assembler, Register, TEXT_BASE } from "../testing/assembler.ts";
import { collect } from "./collect.ts";

const { a0, a1, ra, zero } = Register;
const LIMITS = { blocks: 24, instructions: 160, depth: 2 };

/** A loop that calls a function; both have a path for a case that may never come up. */
function program() {
  const a = new Assembler();
  const again = a.label(), rare = a.label(), callee = a.label(), failure = a.label();
  a.bind(again).to(callee, "jal", { rd: ra });
  a.to(rare, "blt", { rs1: a0, rs2: zero });
  a.emit("addi", { rd: a1, rs1: a1, imm: -1 }).to(again, "bne", { rs1: a1 }).emit("ecall");
  a.bind(rare).emit("addi", { rd: a0, imm: 0 }).to(again, "jal", {});
  a.bind(callee).emit("addi", { rd: a0, rs1: a0, imm: 1 }).to(failure, "beq", { rs1: a0 });
  a.emit("jalr", { rs1: ra });
  a.bind(failure).emit("addi", { rd: a0, imm: -1 }).emit("jalr", { rs1: ra });
  return { text: a.text(), rare: rare.at!, failure: failure.at! };
}

function regionOf(
  text: Uint8Array,
  executed?: (address: number) => boolean,
  peek?: (address: number) => number | undefined,
) {
  const view = new DataView(text.buffer, text.byteOffset, text.length);
  const fetch = (address: number) =>
    address >= TEXT_BASE && address - TEXT_BASE < text.length
      ? decode(view.getUint32(address - TEXT_BASE, true))
      : undefined;
  const region = collect(TEXT_BASE, { fetch, executed, peek }, LIMITS);
  assert(region !== undefined);
  return { ...region, addresses: [...region.blocks.values()].flatMap((each) => each.addresses) };
}

Deno.test("a region has what direct branches, jumps and calls lead to", () => {
  const { text, rare, failure } = program();
  const { addresses } = regionOf(text);
  assert(addresses.includes(rare) && addresses.includes(failure));
});

Deno.test("a region has nothing of what was never executed, and leaves to it", () => {
  const { text, rare, failure } = program();
  const never = [rare, failure];
  const { blocks, addresses } = regionOf(text, (address) => !never.includes(address));
  assert(never.every((each) => !addresses.includes(each)));
  const endings = [...blocks.values()].map(({ ending }) => ending.kind);
  // The loop and the callee are whole: its call returns inside the region.
  assertEquals(endings.toSorted(), ["branch", "branch", "branch", "jump", "return", "stop"]);
  const targets = [...blocks.values()].flatMap(({ ending }) =>
    ending.kind === "branch" ? [ending.taken % 2 ** 40] : []
  );
  assert(never.every((each) => targets.includes(each)));
});

/** Calls a stub of a linkage table, which has its target where `TABLE` is, and jumps far away. */
const TABLE = TEXT_BASE + 0x1000;
function linked() {
  const a = new Assembler();
  const stub = a.label(), far = a.label();
  a.to(stub, "jal", { rd: ra });
  a.emit("auipc", { rd: a1 }).emit("jalr", { rs1: a1, imm: 8 }).bind(far).emit("ecall");
  a.bind(stub).emit("auipc", { rd: a0, imm: 0x1000 });
  a.emit("ld", { rd: a0, rs1: a0, imm: TEXT_BASE - stub.at! }).emit("jalr", { rd: 6, rs1: a0 });
  const callee = a.here;
  a.emit("jalr", { rs1: ra });
  return { text: a.text(), far: far.at!, callee };
}

Deno.test("a region has what auipc leads to, and what a linkage table does", () => {
  const { text, far, callee } = linked();
  const seen: number[] = [];
  const { blocks, addresses } = regionOf(text, undefined, (address) => {
    seen.push(address);
    return callee;
  });
  assertEquals(seen, [TABLE]);
  assert(addresses.includes(far) && addresses.includes(callee));
  const endings = [...blocks.values()].map(({ ending }) => ending.kind);
  assertEquals(endings.toSorted(), ["guess", "jump", "jump", "return", "stop"]);
});

Deno.test("a table that is not there, or has no code, leads nowhere", () => {
  const { text, callee } = linked();
  for (const target of [undefined, 2 ** 50, 0]) {
    const { addresses } = regionOf(text, undefined, () => target);
    assert(!addresses.includes(callee));
  }
});
