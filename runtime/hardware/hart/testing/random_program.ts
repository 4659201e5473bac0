// Programs of random instructions, which a seed determines. A loop begins with operands that matter in some
// registers, goes through blocks of any instructions with branches, calls and inner loops between them, and
// writes all registers down before it begins again.
import { decode } from "../decode.ts";
import { encodings, floatOperands, formats } from "../encodings.ts";
import { Op, operations } from "../instruction.ts";
import { Assembler, type Label, Register } from "./assembler.ts";
import { type Name, names } from "./named.ts";
import { boxedSingles, doubles, integers, Random } from "./operands.ts";

const { ra, sp, gp, tp, s0, s1, t5, t6 } = Register;
/** Registers that hold the program together: no random instruction writes them. */
const RESERVED = new Set<number>([ra, sp, gp, tp, s0, s1, t5, t6]);
const FREE = Array.from({ length: 32 }, (_, register) => register)
  .filter((register) => !RESERVED.has(register));
const BASES = [sp, s0];
const FCSR = 3, FRM = 2, FFLAGS = 1;
const BLOCKS = 8, FUNCTIONS = 3;
/** Values to begin with, a power of two; and room behind them for loads from the last. */
const POOL = 256, POOL_LOADS = 40;
const DATA_WORDS = 1024;
const REGISTER_BYTES = 8;

/** Bytes that each time around writes: x0 to x31, f0 to f31, fcsr. */
const ROUND_BYTES = 65 * REGISTER_BYTES;

/** What jumps, stops, or needs care is put in where it belongs; QEMU before version 8 has ctzw wrong. */
const CONTROL = /^(jalr?|b(eq|ne|lt|ge)u?|ecall|ebreak|fence_i|csr.*|lr_.|sc_.|ctzw)$/;
const ordinary = names.filter((name) => !CONTROL.test(name));
const branches = names.filter((name) => encodings[name][0] === "B");
const isLoadOrStore = (name: Name) => /^f?[ls][bhwd]u?$/.test(name);

class Generator {
  readonly assembler = new Assembler();
  readonly #functions: Label[] = [];

  constructor(readonly random: Random) {}

  program(rounds: number): Uint8Array<ArrayBuffer> {
    const { assembler: a, random } = this;
    const pool = a.data(Array.from({ length: POOL + POOL_LOADS }, () => this.#operand()));
    const data = a.data(Array.from({ length: DATA_WORDS }, () => random.bits()));
    const out = a.space(rounds * ROUND_BYTES);
    for (let index = 0; index < FUNCTIONS; index++) this.#functions.push(a.label());
    a.li(gp, pool).li(tp, out).li(s1, rounds);
    // One base in the middle of a page, one so close to its end that accesses cross it.
    a.li(sp, data + 2048).li(s0, data + 4096 - 64);
    for (const register of FREE) {
      a.li(register, this.#operand());
      a.emit("fmv_d_x", { rd: register, rs1: register });
    }
    const again = a.label();
    a.bind(again);
    this.#refresh();
    this.#blocks();
    this.#writeDown();
    a.emit("addi", { rd: s1, rs1: s1, imm: -1 }).to(again, "bne", { rs1: s1 });
    a.finish(out, rounds * ROUND_BYTES);
    for (const label of this.#functions) {
      a.bind(label);
      this.#straight(1 + random.below(8));
      a.emit("jalr", { rs1: ra });
    }
    return a.elf();
  }

  #operand(): bigint {
    const { random } = this;
    return random.pick([random.bits(), random.pick(integers)].concat(
      random.pick(doubles),
      random.pick(boxedSingles),
    ));
  }

  /** Puts operands into a few registers: others each time around. */
  #refresh(): void {
    const { assembler: a, random } = this;
    a.emit("andi", { rd: t6, rs1: s1, imm: POOL - 1 }).emit("sh3add", { rd: t6, rs1: t6, rs2: gp });
    for (let index = 0; index < POOL_LOADS; index++) {
      const name = random.below(2) === 0 ? "ld" : "fld";
      a.emit(name, { rd: random.pick(FREE), rs1: t6, imm: index * REGISTER_BYTES });
    }
    a.emit("csrrwi", { imm: FRM, rs1: random.pick([0, 0, 0, 1, 2, 3, 4]) });
    a.emit("csrrwi", { imm: FFLAGS, rs1: random.pick([0, 1, 31]) });
  }

  #blocks(): void {
    const { assembler: a, random } = this;
    const labels = Array.from({ length: BLOCKS + 1 }, () => a.label());
    for (let index = 0; index < BLOCKS; index++) {
      a.bind(labels[index]);
      this.#straight(1 + random.below(8));
      switch (random.below(4)) {
        case 0:
          a.to(random.pick(this.#functions), "jal", { rd: ra });
          break;
        case 1: {
          const inner = a.label();
          a.li(t5, 1 + random.below(6)).bind(inner);
          this.#straight(1 + random.below(5));
          a.emit("addi", { rd: t5, rs1: t5, imm: -1 }).to(inner, "bne", { rs1: t5 });
          break;
        }
        default: {
          const target = labels[Math.min(BLOCKS, index + 1 + random.below(4))];
          a.to(target, random.pick(branches), this.#sources());
        }
      }
    }
    a.bind(labels[BLOCKS]);
  }

  #sources(): { rs1: number; rs2: number } {
    return { rs1: this.random.below(32), rs2: this.random.below(32) };
  }

  #straight(count: number): void {
    for (let index = 0; index < count; index++) {
      const kind = this.random.below(16);
      if (kind < 5) this.#compressed();
      else if (kind === 5) this.#reserved();
      else this.#instruction(this.random.pick(ordinary));
    }
  }

  /** Any instruction, with any operands that keep the program going. */
  #instruction(name: Name): void {
    const { random, assembler: a } = this;
    const [format, match] = encodings[name];
    const any = match | Number(random.bits() & 0xffff_ffffn) & formats[format].operands;
    const { rs1, rs2, rs3, imm, rm } = decode(any);
    this.#fresh(floatOperands(name).rs1, rs1);
    const rd = floatOperands(name).rd ? random.below(32) : random.pick(FREE);
    if (format === "ATOMIC") a.emit(name, { rd, rs1: random.pick(BASES), rs2 });
    else if (isLoadOrStore(name)) {
      a.emit(name, format === "S" ? { rs1: sp, rs2, imm } : { rd, rs1: sp, imm });
    } else if (formats[format].fields.length === 0) a.emit(name);
    else a.emit(name, { rd, rs1, rs2, rs3, imm, rm });
  }

  /** Half the time, puts another operand into a register: results of results soon are all alike. */
  #fresh(float: boolean, register: number): void {
    const { random, assembler: a } = this;
    if (random.below(2) === 0 || !float && !FREE.includes(register)) return;
    const imm = random.below(POOL_LOADS) * REGISTER_BYTES;
    a.emit(float ? "fld" : "ld", { rd: register, rs1: t6, imm });
  }

  /** A compressed instruction that does none of what CONTROL has. */
  #compressed(): void {
    const { random } = this;
    for (;;) {
      const half = random.below(0x1_0000);
      if ((half & 3) === 3) continue;
      const { op, rd, rs1 } = decode(half);
      if (op === Op.illegal) continue;
      const name = operations[op] as Name;
      if (CONTROL.test(name) || isLoadOrStore(name) && !BASES.includes(rs1 as never)) continue;
      const isStore = encodings[name][0] === "S";
      if (!isStore && !floatOperands(name).rd && RESERVED.has(rd)) continue;
      return void this.assembler.half(half);
    }
  }

  /** LR and SC, with something between them or not. */
  #reserved(): void {
    const { random, assembler: a } = this;
    const letter = random.pick(["w", "d"] as const);
    const rs1 = random.pick(BASES);
    a.emit(`lr_${letter}`, { rd: random.pick(FREE), rs1 });
    if (random.below(2) === 0) this.#instruction(random.pick(ordinary));
    a.emit(`sc_${letter}`, { rd: random.pick(FREE), rs1, rs2: random.below(32) });
  }

  #writeDown(): void {
    const { assembler: a } = this;
    for (let register = 0; register < 32; register++) {
      a.emit("sd", { rs1: tp, rs2: register, imm: register * REGISTER_BYTES });
      a.emit("fsd", { rs1: tp, rs2: register, imm: (32 + register) * REGISTER_BYTES });
    }
    a.emit("csrrs", { rd: t6, imm: FCSR });
    a.emit("sd", { rs1: tp, rs2: t6, imm: 64 * REGISTER_BYTES });
    a.emit("addi", { rd: tp, rs1: tp, imm: ROUND_BYTES });
  }
}

/** @param rounds times that the loop goes around */
export function randomProgram(seed: number, rounds: number): Uint8Array<ArrayBuffer> {
  return new Generator(new Random(seed)).program(rounds);
}

/** Where outputs first differ, in words; undefined where they do not. */
export function firstDifference(expected: Uint8Array, actual: Uint8Array): string | undefined {
  if (expected.length !== actual.length) {
    return `expected ${expected.length} bytes of output, got ${actual.length}`;
  }
  const at = expected.findIndex((byte, index) => byte !== actual[index]) & -REGISTER_BYTES;
  if (at < 0) return undefined;
  const value = ({ buffer, byteOffset }: Uint8Array) =>
    `0x${new DataView(buffer, byteOffset).getBigUint64(at, true).toString(16)}`;
  const register = at % ROUND_BYTES / REGISTER_BYTES;
  const name = register === 64 ? "fcsr" : register < 32 ? `x${register}` : `f${register - 32}`;
  const round = Math.floor(at / ROUND_BYTES);
  return `round ${round}: ${name} is ${value(actual)}, not ${value(expected)}`;
}
