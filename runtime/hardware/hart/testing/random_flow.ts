// Programs of random control flow, which a seed determines: loops within loops, some of them entered in the
// middle, left early or gone around early, with branches and calls inside, over loads and stores that go by
// pointers which are moved, copied and computed. Their counters are on the stack, so every program ends.
import { Assembler, type Label, Register } from "./assembler.ts";
import type { Name } from "./named.ts";
import type { Random } from "./operands.ts";

const { zero, ra, sp, gp, tp, s0, s1, t5, t6 } = Register;
/** Registers that hold the program together, and those that are pointers. */
const POINTERS = [s0, 24, 25];
const RESERVED = new Set<number>([zero, ra, sp, gp, tp, s1, t5, t6, ...POINTERS]);
const FREE = Array.from({ length: 32 }, (_, register) => register)
  .filter((register) => !RESERVED.has(register));
const DATA_BYTES = 1 << 17, STACK_BYTES = 4096;
const REGISTER_BYTES = 8;
const DEPTH = 3, FUNCTIONS = 3;
const branches: Name[] = ["beq", "bne", "blt", "bge", "bltu", "bgeu"];
const operations: Name[] = [
  ...["add", "sub", "xor", "or", "and", "sll", "srl", "sra", "slt", "sltu", "mul"] as const,
  ...["addw", "subw", "sllw", "sraw", "mulhu", "divu", "remw", "sh2add"] as const,
];
const loads: Name[] = ["lb", "lbu", "lh", "lhu", "lw", "lwu", "ld"];
const stores: Name[] = ["sb", "sh", "sw", "sd"];

class Generator {
  readonly a = new Assembler();
  readonly #functions: Label[] = [];
  /** loops so far: each has a counter of its own */
  #loops = 0;

  constructor(private readonly random: Random) {}

  program(rounds: number): Uint8Array<ArrayBuffer> {
    const { a, random } = this;
    const words = Array.from({ length: DATA_BYTES / 8 }, () => random.bits());
    const data = a.data(words);
    const stack = a.space(STACK_BYTES);
    const roundBytes = 32 * REGISTER_BYTES;
    const out = a.space(rounds * roundBytes);
    for (let index = 0; index < FUNCTIONS; index++) this.#functions.push(a.label());
    a.li(gp, data + DATA_BYTES / 2).li(tp, out).li(s1, rounds).li(sp, stack + STACK_BYTES / 2);
    for (const register of FREE) a.li(register, random.bits());
    const again = a.label();
    a.bind(again);
    for (const pointer of POINTERS) this.#compute(pointer);
    this.#statements(8, DEPTH, undefined);
    for (let register = 0; register < 32; register++) {
      a.emit("sd", { rs1: tp, rs2: register, imm: register * REGISTER_BYTES });
    }
    a.emit("addi", { rd: tp, rs1: tp, imm: roundBytes });
    a.emit("addi", { rd: s1, rs1: s1, imm: -1 }).emit("beq", { rs1: s1, imm: 8 });
    a.to(again, "jal");
    a.finish(out, rounds * roundBytes);
    for (const label of this.#functions) {
      a.bind(label).emit("addi", { rd: sp, rs1: sp, imm: -64 });
      a.emit("sd", { rs1: sp, rs2: ra, imm: 8 });
      this.#straight(4);
      a.emit("ld", { rd: ra, rs1: sp, imm: 8 }).emit("addi", { rd: sp, rs1: sp, imm: 64 });
      a.emit("jalr", { rs1: ra });
    }
    return a.elf();
  }

  /** @param around where a loop that this is in goes on, and where it is left */
  #statements(count: number, depth: number, around: { next: Label; after: Label } | undefined) {
    const { a, random } = this;
    for (let index = 0; index < count; index++) {
      this.#straight(1 + random.below(4));
      const kind = random.below(8);
      if (kind < 2 && depth > 0) this.#loop(depth - 1);
      else if (kind === 2) a.to(random.pick(this.#functions), "jal", { rd: ra });
      else if (kind === 3 && around !== undefined) {
        this.#branch(random.below(2) === 0 ? around.next : around.after);
      } else if (kind < 7) this.#either(depth, around);
    }
  }

  #either(depth: number, around: { next: Label; after: Label } | undefined): void {
    const { a, random } = this;
    const otherwise = a.label(), after = a.label();
    this.#branch(otherwise);
    this.#statements(1, depth > 0 ? depth - 1 : 0, around);
    if (random.below(2) === 0) {
      a.to(after, "jal").bind(otherwise);
      this.#straight(2);
    } else a.bind(otherwise);
    a.bind(after);
  }

  #loop(depth: number): void {
    const { a, random } = this;
    const imm = 8 * this.#loops++ % 1024;
    const again = a.label(), middle = a.label(), next = a.label(), after = a.label();
    a.emit("sd", { rs1: sp, rs2: zero, imm });
    // To some heads several paths lead; some loops are entered elsewhere than at their head.
    const entered = random.below(4);
    if (entered < 2) this.#either(0, undefined);
    else if (entered === 2) this.#branch(middle);
    a.bind(again);
    this.#statements(1, depth, { next, after });
    a.bind(middle);
    this.#statements(2, depth, { next, after });
    a.bind(next).emit("ld", { rd: t5, rs1: sp, imm }).emit("addi", { rd: t5, rs1: t5, imm: 1 });
    a.emit("sd", { rs1: sp, rs2: t5, imm }).li(t6, 1 + random.below(5));
    // A branch goes 4 KiB at the most.
    if (depth === 0) a.to(again, "blt", { rs1: t5, rs2: t6 });
    else a.emit("bge", { rs1: t5, rs2: t6, imm: 8 }).to(again, "jal");
    a.bind(after);
  }

  #branch(target: Label): void {
    const { random } = this;
    const sources = { rs1: random.pick(FREE), rs2: random.pick([zero, ...FREE]) };
    this.a.emit(random.pick(branches), { ...sources, imm: 8 }).to(target, "jal");
  }

  /** A pointer somewhere in the middle of the data. */
  #compute(pointer: number): void {
    const { a, random } = this;
    a.emit("andi", { rd: pointer, rs1: random.pick(FREE), imm: 0x7f8 });
    a.emit("add", { rd: pointer, rs1: pointer, rs2: gp });
  }

  #straight(count: number): void {
    const { a, random } = this;
    for (let index = 0; index < count; index++) {
      const pointer = random.pick(POINTERS), kind = random.below(12);
      const imm = 8 * (random.below(17) - 8);
      const base = random.pick([...POINTERS, ...POINTERS, sp]);
      if (kind < 4) a.emit(random.pick(loads), { rd: random.pick(FREE), rs1: base, imm });
      else if (kind < 6) {
        // Counters lie above the stack pointer, what calls save below it.
        const at = base === sp ? -8 * (9 + random.below(8)) : imm;
        a.emit(random.pick(stores), { rs1: base, rs2: random.pick(FREE), imm: at });
      } else if (kind === 6) {
        a.emit("addi", { rd: pointer, rs1: pointer, imm: random.pick([-16, -8, 8, 16]) });
      } else if (kind === 7) {
        a.emit("addi", { rd: pointer, rs1: random.pick(POINTERS), imm: random.pick([0, 0, imm]) });
      } else if (kind === 8) this.#compute(pointer);
      else {
        const [rd, rs1, rs2] = [random.pick(FREE), random.pick(FREE), random.pick(FREE)];
        a.emit(random.pick(operations), { rd, rs1, rs2 });
      }
    }
  }
}

/** @param rounds times that its outermost loop goes around */
export function randomFlow(random: Random, rounds: number): Uint8Array<ArrayBuffer> {
  return new Generator(random).program(rounds);
}
