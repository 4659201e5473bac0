// The interpreter: executes what is not worth translating, and is what translated code is compared with.
// Instructions are decoded once per frame of code.
import { decode, instructionBytes } from "../decode.ts";
import { encodings, floatOperands } from "../encodings.ts";
import { Access, type HartClock, type Pager, StopReason } from "../engine.ts";
import type { HartMemory } from "../hart_memory.ts";
import { Op, type Operation, operations } from "../instruction.ts";
import { MemoryAccess } from "../memory_access.ts";
import { State } from "../state.ts";
import { PAGE_BYTES } from "../translation_table.ts";
import { atomicOperations } from "./atomic.ts";
import { bitOperations } from "./bit_manipulation.ts";
import { controlOperations } from "./control.ts";
import { floatInstructions } from "./float.ts";
import { integerOperations } from "./integer.ts";
import { type Decoded, type Execute, JUMP, Machine, NEXT } from "./machine.ts";
import { memoryOperations } from "./memory.ts";
import { multiplyOperations } from "./multiply.ts";
import { systemOperations } from "./system.ts";

const executes: Partial<Record<Operation, Execute>> = {
  ...systemOperations,
  ...controlOperations,
  ...integerOperations,
  ...multiplyOperations,
  ...bitOperations,
  ...memoryOperations,
  ...atomicOperations,
  ...floatInstructions,
};

/** What an operation is to the interpreter. */
interface Behaviour {
  execute: Execute;
  /** which registers are floating-point ones */
  float: ReturnType<typeof floatOperands>;
  /** whether the second operand is the immediate */
  immediate: boolean;
}

const behaviours: Behaviour[] = operations.map((name) => {
  const execute = executes[name];
  if (execute === undefined) throw new Error(`There is nothing that executes "${name}"`);
  const format = name === "illegal" ? "WHOLE" : encodings[name][0];
  const immediate = format.startsWith("SHIFT") ||
    format === "I" && integerOperations[name] !== undefined;
  return { execute, float: floatOperands(name), immediate };
});

/** Half-words of a page, and so places where an instruction may begin. */
const SLOTS = PAGE_BYTES / 2;
/** Instructions kept for translated code: far more than programs have that are not translated. */
const MAX_SINGLE = 65_536;

/** Decoded instructions of a frame. */
type CodePage = (Decoded | undefined)[];

export class Interpreter {
  readonly machine: Machine;
  readonly #pages = new Map<number, CodePage>();
  /** the frame that was executed last, and its instructions */
  #frame = -1;
  #page: CodePage = [];
  /** instructions that translated code leaves to the interpreter */
  readonly #single = new Map<number, Decoded>();
  readonly #budget: number;
  readonly #stop: number;

  constructor(
    private readonly memory: HartMemory,
    private readonly pager: Pager,
    clock: HartClock,
    readonly access = new MemoryAccess(memory, pager),
  ) {
    this.machine = new Machine(memory, access, clock);
    this.#budget = memory.state + State.BUDGET >> 2;
    this.#stop = memory.state + State.STOP >> 2;
  }

  /** Forgets what was decoded of a frame. */
  invalidate(frame: number): void {
    this.#pages.delete(frame);
    if (frame === this.#frame) this.#frame = -1;
  }

  /** Executes to the end of a block, or to a stop. @returns 0, or why it stopped */
  runBlock(): number {
    return this.#run(SLOTS);
  }

  /** Executes one instruction. @returns 0, or why it stopped */
  step(): number {
    return this.#run(1);
  }

  /**
   * Carries out an instruction that neither jumps nor stops, on the registers in the state block.
   * @returns whether it did
   */
  execute(word: number): boolean {
    let instruction = this.#single.get(word);
    if (instruction === undefined) {
      if (this.#single.size >= MAX_SINGLE) this.#single.clear();
      this.#single.set(word, instruction = this.#prepare(word, 0));
    }
    return instruction.execute(this.machine, instruction) === NEXT;
  }

  /** @param most instructions to execute; a block ends with its page, too */
  #run(most: number): number {
    const { machine } = this;
    const { words, pc } = machine;
    const low = words[pc], high = words[pc + 1];
    const place = this.access.place(low, high, Access.EXECUTE);
    let slot = (low & PAGE_BYTES - 1) >> 1, count = 0;
    let outcome: number = NEXT;
    machine.pageLow = low & -PAGE_BYTES;
    machine.pageHigh = high;
    if (place < 0) outcome = StopReason.PAGE_FAULT;
    else {
      const frame = place - (low & PAGE_BYTES - 1);
      const page = frame === this.#frame ? this.#page : this.#enter(frame);
      while (slot < SLOTS && count < most) {
        const instruction = page[slot] ?? this.#decode(page, frame, slot);
        if (instruction === undefined) {
          outcome = StopReason.PAGE_FAULT;
          break;
        }
        outcome = instruction.execute(machine, instruction);
        if (outcome !== NEXT) break;
        count++;
        slot += instruction.size >> 1;
      }
    }
    if (outcome === JUMP) {
      words[this.#budget] -= count + 1;
      return 0;
    }
    words[this.#budget] -= count;
    const next = machine.pageLow + slot * 2 | 0;
    words[pc] = next;
    words[pc + 1] = slot >= SLOTS && next >>> 0 < PAGE_BYTES ? high + 1 : high;
    if (outcome !== NEXT) words[this.#stop] = outcome;
    return outcome;
  }

  #enter(frame: number): CodePage {
    let page = this.#pages.get(frame);
    if (page === undefined) {
      this.pager.guardCode(frame);
      page = new Array(SLOTS).fill(undefined);
      this.#pages.set(frame, page);
    }
    this.#frame = frame;
    this.#page = page;
    return page;
  }

  /** @returns undefined after a fault: the instruction goes on in a page that is not there */
  #decode(page: CodePage, frame: number, slot: number): Decoded | undefined {
    const { view } = this.memory, offset = slot * 2;
    const half = view.getUint16(frame + offset, true);
    if (instructionBytes(half) === 2) return page[slot] = this.#prepare(half, offset);
    if (slot < SLOTS - 1) {
      return page[slot] = this.#prepare(view.getInt32(frame + offset, true), offset);
    }
    // The second half is in the next page, which may be another one next time: it is not kept.
    const { pageLow, pageHigh } = this.machine;
    const low = pageLow + PAGE_BYTES | 0;
    const rest = this.access.place(low, low === 0 ? pageHigh + 1 | 0 : pageHigh, Access.EXECUTE);
    if (rest < 0) return undefined;
    return this.#prepare(half | view.getUint16(rest, true) << 16, offset);
  }

  #prepare(word: number, offset: number): Decoded {
    const { machine } = this;
    const { op, rd, rs1, rs2, rs3, imm, rm, size } = decode(word);
    const { execute, float, immediate } = behaviours[op];
    return {
      execute,
      d: float.rd ? machine.float(rd) : machine.destination(rd),
      a: float.rs1 ? machine.float(rs1) : machine.source(rs1),
      b: immediate ? machine.immediate(imm) : float.rs2 ? machine.float(rs2) : machine.source(rs2),
      c: machine.float(rs3),
      imm,
      sign: op === Op.illegal ? 0 : imm >> 31,
      rm,
      size,
      offset,
    };
  }
}
