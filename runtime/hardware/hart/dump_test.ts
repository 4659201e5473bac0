// Dumps: every region's text, the bytes of each instruction, and how often the region was entered.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RegionRecorder } from "./dump.ts";
import { printWasm } from "./dump_wasm.ts";
import { RiscvHart } from "./riscv_hart.ts";
import { Assembler, Register } from "./testing/assembler.ts";
import { load } from "./testing/each_engine.ts";
import { FlatMachine } from "./testing/flat_machine.ts";
import { randomProgram } from "./testing/random_program.ts";
import { Code } from "./translator/wasm_code.ts";
import { Type, W } from "./translator/wasm_opcodes.ts";

const { a0, a1, t0, sp } = Register;

/** A machine, and what records what it translates. */
function recorded(): { machine: FlatMachine; recorder: RegionRecorder } {
  let recorder: RegionRecorder | undefined;
  const machine = new FlatMachine((memory, pager, clock) => {
    recorder = new RegionRecorder(memory);
    return new RiscvHart(memory, pager, clock, recorder);
  });
  return { machine, recorder: recorder! };
}

/** What is beside an instruction of a dump, without indentation. */
function madeOf(text: string, instruction: string): string[] {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.includes(`  ${instruction}  [`));
  const next = lines.findIndex((line, index) => index > first && !line.startsWith(" "));
  return lines.slice(first, next).map((line) => line.split("|")[1].trim());
}

Deno.test("dump: what each instruction became is beside it", () => {
  const { machine, recorder } = recorded();
  const assembler = new Assembler(), again = assembler.label();
  assembler.li(t0, 5000).li(a0, 0).bind(again);
  assembler.emit("add", { rd: a0, rs1: a0, rs2: t0 });
  assembler.emit("sub", { rd: a1, rs1: a0, rs2: t0 });
  assembler.emit("sd", { rs1: sp, rs2: a1, imm: -16 });
  assembler.emit("addi", { rd: t0, rs1: t0, imm: -1 }).to(again, "bne", { rs1: t0 });
  assembler.emit("ebreak");
  load(machine, assembler);
  machine.run();
  const [{ file, text }, ...others] = [...recorder.texts()];
  assertEquals(others, []);
  assertMatch(file, /^00000-10000[0-9a-f]\.txt$/);
  assertMatch(
    text,
    /^region 0x10000[0-9a-f]\n5 instructions in 1 blocks, \d+ bytes of WebAssembly\n/,
  );
  const [, entered] = /^entered (\d+) times$/m.exec(text)!;
  // It loops by itself: it is left when the budget is used up, and when the page is not known yet.
  assert(Number(entered) >= 1 && Number(entered) < 100, entered);
  const add = madeOf(text, "add a0,a0,t0");
  assertEquals(add.map((each) => each.split(" ")[0]), [
    "local.get",
    "local.get",
    "i64.add",
    "local.set",
  ]);
  // The destination is the first operand, and the same registers are the same locals.
  assertEquals(add[0].slice("local.get".length), add[3].slice("local.set".length));
  const sub = madeOf(text, "sub a1,a0,t0");
  assertEquals(sub.slice(0, 3), [add[0], add[1], "i64.sub"]);
  const store = madeOf(text, "sd a1,-16(sp)");
  assert(store.some((each) => each.startsWith("i64.store")), store.join("\n"));
  assertEquals(madeOf(text, "addi t0,t0,-1"), [
    add[1],
    "i64.const -1",
    "i64.add",
    add[1].replace("get", "set"),
  ]);
});

Deno.test("dump: all that the translator writes can be printed, and instructions share no byte", () => {
  const { machine, recorder } = recorded();
  for (const seed of [3, 4]) {
    machine.load(randomProgram(seed, 2000));
    assertEquals(machine.run().status, 0);
  }
  let regions = 0;
  for (const { text } of recorder.texts()) {
    regions++;
    let end = 0;
    for (const [, from, to] of text.matchAll(/ {2}\[(\d+), (\d+)\)/g)) {
      assert(end <= Number(from) && Number(from) <= Number(to), `${end} ${from} ${to}`);
      end = Number(to);
    }
    const code = text.split("\n").filter((line) => line.includes("| ")).map((line) =>
      line.split("| ")[1].trim()
    );
    const opened = code.filter((line) => /^(block|loop|if)\b/.test(line)).length;
    assertEquals(code.filter((line) => line === "end").length, opened);
    assertStringIncludes(text, "unreachable");
  }
  assert(regions > 0);
});

Deno.test("dump: operands are printed as the text format has them", () => {
  const code = new Code(0);
  code.i32(-5).i64(2n ** 63n - 1n).op(W.drop).f64(0.1).memory(W.i64_load8_s, 300).callIndex(1000);
  code.op(W.br_table).unsigned(2).unsigned(1).unsigned(130).unsigned(0);
  code.byte(W.if).byte(Type.I64).branch(W.br_if, 2).op(W.else, W.end).vector(0x21).byte(1);
  assertEquals(printWasm(code.bytes).map(({ text }) => text), [
    "i32.const -5",
    "i64.const 9223372036854775807",
    "drop",
    "f64.const 0.1",
    "i64.load8_s offset=300",
    "call 1000",
    "br_table 1 130 0",
    "if (result i64)",
    "  br_if 2",
    "else",
    "end",
    "vector 0x21 1",
  ]);
});
