// Programs that are interpreters themselves: each handler jumps to the next by a table. On every engine, and
// with what an earlier machine translated.
import { assert, assertEquals } from "@std/assert";
import { StopReason } from "./engine.ts";
import { RiscvHart } from "./riscv_hart.ts";
import { Assembler, DATA_BASE, Register } from "./testing/assembler.ts";
import { eachEngine, load } from "./testing/each_engine.ts";
import { FlatMachine } from "./testing/flat_machine.ts";

const { a0, a1, a2, ra, s1, s2, s3, t0, t1, t2 } = Register;

/** What a handler does to a0, and the same for numbers; the last one ends the program. */
interface Handler {
  emit(a: Assembler): void;
  apply(value: bigint): bigint;
}

const signed = (value: bigint) => BigInt.asIntN(64, value);
const END = 12;
const handlers: Handler[] = Array.from({ length: END }, (_, index): Handler => {
  const step = BigInt(index * 2 + 1);
  switch (index % 4) {
    case 0:
      return {
        emit: (a) => a.emit("addi", { rd: a0, rs1: a0, imm: Number(step) }),
        apply: (value) => signed(value + step),
      };
    case 1:
      return {
        emit: (a) => a.emit("xori", { rd: a0, rs1: a0, imm: Number(step) }),
        apply: (value) => value ^ step,
      };
    case 2:
      // By a function, which returns into the midst of the handler.
      return {
        emit: (a) => a.emit("jalr", { rd: ra, rs1: s3 }).emit("addi", { rd: a0, rs1: a0, imm: 1 }),
        apply: (value) => signed(value * 3n + 1n),
      };
    default:
      // With a loop of its own.
      return {
        emit: (a) => {
          const again = a.label();
          a.li(t2, 3).bind(again).emit("slli", { rd: t1, rs1: a0, imm: 1 });
          a.emit("sub", { rd: a0, rs1: t1, rs2: t2 });
          a.emit("addi", { rd: t2, rs1: t2, imm: -1 }).to(again, "bne", { rs1: t2 });
        },
        apply: (value) => [3n, 2n, 1n].reduce((each, count) => signed(each * 2n - count), value),
      };
  }
});

/** The interpreter, for codes that it finds at the end of its own data. */
function interpreter(codes: readonly number[]): Assembler {
  const a = new Assembler();
  const start = a.label();
  const table = a.data(Array.from({ length: END + 1 }, () => 0n));
  const bytes = new Uint8Array(codes.length + 8 & ~7);
  bytes.set([...codes, END]);
  const program = a.data([...new BigUint64Array(bytes.buffer)]);
  a.to(start, "jal");
  const triple = a.here;
  a.emit("slli", { rd: t1, rs1: a0, imm: 1 }).emit("add", { rd: a0, rs1: a0, rs2: t1 });
  a.emit("jalr", { rs1: ra });
  const next = () => {
    a.emit("lbu", { rd: t0, rs1: s1 }).emit("addi", { rd: s1, rs1: s1, imm: 1 });
    a.emit("slli", { rd: t0, rs1: t0, imm: 3 }).emit("add", { rd: t0, rs1: t0, rs2: s2 });
    a.emit("ld", { rd: t0, rs1: t0 }).emit("jalr", { rs1: t0 });
  };
  const places = handlers.map(({ emit }) => {
    const at = a.here;
    emit(a);
    next();
    return at;
  });
  places.push(a.here);
  a.emit("ecall");
  a.bind(start).li(a0, 1).li(s1, program).li(s2, table).li(s3, triple);
  places.forEach((place, index) => {
    a.li(a1, place).li(a2, table + 8 * index).emit("sd", { rs1: a2, rs2: a1 });
  });
  next();
  return a;
}

function result(codes: readonly number[]): bigint {
  return codes.reduce((value, code) => handlers[code].apply(value), 1n);
}

/** First some handlers, for long enough that they are translated together; then others, too; then all. */
function codes(): number[] {
  const all: number[] = [];
  let seed = 1;
  for (const [most, count] of [[4, 60_000], [9, 200_000], [END, 400_000]]) {
    for (let index = 0; index < count; index++) {
      seed = Math.imul(seed, 1103515245) + 12345 | 0;
      all.push((seed >>> 16) % most);
    }
  }
  return all;
}

const CODES = codes();
assertEquals(DATA_BASE % 8, 0);

eachEngine("handlers that lead to each other, more and more of them", (machine) => {
  load(machine, interpreter(CODES));
  assertEquals(machine.engine.run(), StopReason.ECALL);
  assertEquals(BigInt.asIntN(64, machine.x(a0)), result(CODES));
});

eachEngine("a budget that is used up between handlers", (machine) => {
  load(machine, interpreter(CODES));
  for (let slice = 1;; slice = slice % 997 + 7) {
    machine.setBudget(slice);
    const reason = machine.engine.run();
    if (reason === StopReason.ECALL) break;
    assertEquals(reason, StopReason.BUDGET);
  }
  assertEquals(BigInt.asIntN(64, machine.x(a0)), result(CODES));
});

Deno.test("handlers become one region, which the next machine enters anywhere", () => {
  const machineWith = (file?: Uint8Array<ArrayBuffer>) =>
    new FlatMachine((memory, pager, clock) =>
      new RiscvHart(memory, pager, clock, undefined, { file })
    );
  const run = (machine: FlatMachine, codes: readonly number[]): RiscvHart => {
    load(machine, interpreter(codes));
    assertEquals(machine.engine.run(), StopReason.ECALL);
    assertEquals(BigInt.asIntN(64, machine.x(a0)), result(codes));
    return machine.engine as RiscvHart;
  };
  const first = run(machineWith(), CODES);
  assert(first.counters.switches > 0, "there is no switch");
  const file = first.save()!;
  // It begins with another handler than the one that became hot first.
  for (const code of [3, 7, 11]) {
    const { counters } = run(machineWith(file), [code, ...CODES]);
    assert(counters.restoredRegions > 0, "nothing was restored");
    assertEquals(counters.switches, 0);
  }
});
