// The lock-step engine: it executes as the others do, and it finds wrong code where it is.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { StopReason } from "./engine.ts";
import { Op } from "./instruction.ts";
import { LockstepDifference, LockstepEngine } from "./lockstep.ts";
import { Assembler, Register } from "./testing/assembler.ts";
import { load } from "./testing/each_engine.ts";
import { FlatMachine, type MakeEngine } from "./testing/flat_machine.ts";
import { InterpretingEngine } from "./interpreting_engine.ts";
import { randomProgram } from "./testing/random_program.ts";
import { translate } from "./translator/translate.ts";

const { a0, a1, a2, a3, t0, sp } = Register;

/** A translator that takes one operation for another. */
function confusing(right: number, wrong: number): typeof translate {
  return (region, ...rest) => {
    for (const block of region.blocks.values()) {
      block.instructions = block.instructions.map((each) =>
        each.op === right ? { ...each, op: wrong } : each
      );
    }
    return translate(region, ...rest);
  };
}

/** Sums and stores in a loop; the exclusive or comes after the loop, the subtraction within. */
function program(): Assembler {
  const assembler = new Assembler();
  const again = assembler.label();
  assembler.li(t0, 1000).li(a0, 0).li(a1, 2000).bind(again);
  assembler.emit("add", { rd: a0, rs1: a0, rs2: t0 });
  assembler.emit("sub", { rd: a2, rs1: a0, rs2: a1 });
  assembler.emit("sd", { rs1: sp, rs2: a2, imm: -16 });
  assembler.emit("ld", { rd: a3, rs1: sp, imm: -16 });
  assembler.emit("addi", { rd: t0, rs1: t0, imm: -1 }).to(again, "bne", { rs1: t0 });
  assembler.emit("xor", { rd: a1, rs1: a0, rs2: a3 });
  assembler.emit("ebreak");
  return assembler;
}

function machineOf(makeCode?: typeof translate): FlatMachine {
  return new FlatMachine((memory, pager, clock) =>
    new LockstepEngine(memory, pager, clock, makeCode)
  );
}

Deno.test("lock-step: registers and memory come out as with the interpreter alone", () => {
  const machines = [machineOf(), new FlatMachine((...parts) => new InterpretingEngine(...parts))];
  const ends = machines.map((machine) => {
    load(machine, program());
    const { stop } = machine.run();
    return { stop, pc: machine.pc, registers: [a0, a1, a2, a3, t0].map((each) => machine.x(each)) };
  });
  assertEquals(ends[0].stop, StopReason.BREAKPOINT);
  assertEquals(ends[0], ends[1]);
});

Deno.test("lock-step: random programs run to their end", () => {
  const outputs = [1, 2, 3].map((seed) => {
    const pair: MakeEngine[] = [
      (...parts) => new LockstepEngine(...parts),
      (...parts) => new InterpretingEngine(...parts),
    ];
    return pair.map((makeEngine) => {
      const machine = new FlatMachine(makeEngine);
      machine.load(randomProgram(seed, 20));
      const { output, status } = machine.run();
      assertEquals(status, 0);
      return output;
    });
  });
  for (const [lockstep, interpreted] of outputs) {
    assert(lockstep.length > 0);
    assertEquals(lockstep, interpreted);
  }
});

const wrong: Record<string, { code: typeof translate; instruction: string; differs: RegExp }> = {
  "behind a loop": {
    code: confusing(Op.xor, Op.or),
    instruction: "xor a1,a0,a3",
    differs: /^ {2}a1: translated 0x[0-9a-f]+, interpreted 0x[0-9a-f]+$/m,
  },
  "in a loop": {
    code: confusing(Op.sub, Op.add),
    instruction: "sub a2,a0,a1",
    differs: /^ {2}a2: translated 0xbb8, interpreted 0xfffffffffffffc18$/m,
  },
  "only together with others": {
    code: (region, ...rest) =>
      (region.instructions > 1 ? confusing(Op.xor, Op.or) : translate)(region, ...rest),
    instruction: "in the region at",
    differs: /^ {2}a1: translated/m,
  },
  "a store": {
    code: confusing(Op.sd, Op.sw),
    instruction: "sd a2,-16(sp)",
    differs: /^ {2}memory at 0x[0-9a-f]+: translated 0xffffffff, interpreted 0x0$/m,
  },
};

for (const [name, { code, instruction, differs }] of Object.entries(wrong)) {
  Deno.test(`lock-step: wrong code is found at its instruction: ${name}`, () => {
    const machine = machineOf(code);
    load(machine, program());
    const { message } = assertThrows(() => machine.run(), LockstepDifference);
    assertStringIncludes(message, instruction);
    assert(differs.test(message), message);
  });
}
