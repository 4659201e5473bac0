// The interpreter: executes what is not worth translating, and is what translated code is compared with.
// Instructions are decoded once per frame of code.
import { Access, type HartClock, type Pager, StopReason } from "../engine.ts";
import { decode, instructionBytes } from "../decode.ts";
import type { HartMemory } from "../hart_memory.ts";
import { type Instruction, Op, type Operation, operations } from "../instruction.ts";
import { MemoryAccess } from "../memory_access.ts";
import { State } from "../state.ts";
import { PAGE_BYTES } from "../translation_table.ts";
import { floatInstructions } from "./float.ts";
import { integerOperations } from "./integer.ts";
import { type Decoded, type Execute, JUMP, Machine, NEXT } from "./machine.ts";
import { memoryOperations } from "./memory.ts";
import { multiplyOperations } from "./multiply.ts";
import { systemOperations } from "./system.ts";

const executes: Partial<Record<Operation, Execute>> = {
  ...systemOperations,
  ...integerOperations,
  ...multiplyOperations,
  ...memoryOperations,
  ...floatInstructions,
};

/** How each operation is carried out, by its number. */
const byNumber = operations.map((name) => {
  const execute = executes[name];
  if (execute === undefined) throw new Error(`There is nothing that executes "${name}"`);
  return execute;
});

/** Which registers of an operation are floating-point ones: destination, first, second source. */
const floatDestination: boolean[] = [];
const floatFirst: boolean[] = [];
const floatSecond: boolean[] = [];
for (const name of operations) {
  const isFloat = name.startsWith("f") && !name.startsWith("fence");
  const toInteger = /^(fcvt_(w|wu|l|lu)_|fmv_x_|feq|flt|fle|fclass)/.test(name);
  const fromInteger = /^(fcvt_[sd]_(w|wu|l|lu)$|fmv_[wd]_x)/.test(name);
  const moves = /^f[ls][wd]$/.test(name);
  floatDestination.push(isFloat && !toInteger);
  floatFirst.push(isFloat && !fromInteger && !moves);
  floatSecond.push(isFloat);
}

/** Half-words of a page, and so places where an instruction may begin. */
const SLOTS = PAGE_BYTES / 2;

/** Decoded instructions of a frame. */
type CodePage = (Decoded | undefined)[];

export class Interpreter {
  readonly machine: Machine;
  readonly #pages = new Map<number, CodePage>();
  /** instructions that translated code leaves to the interpreter */
  readonly #single = new Map<number, Decoded>();

  constructor(
    private readonly memory: HartMemory,
    private readonly pager: Pager,
    clock: HartClock,
    readonly access = new MemoryAccess(memory, pager),
  ) {
    this.machine = new Machine(memory, access, clock);
  }

  /** Forgets what was decoded of a frame. */
  invalidate(frame: number): void {
    this.#pages.delete(frame);
  }

  /** Executes to the end of a block, or to a stop. @returns 0, or why it stopped */
  runBlock(): number {
    return this.#run(Infinity);
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
      this.#single.set(word, instruction = this.#prepare(decode(word)));
    }
    return instruction.execute(this.machine, instruction) === NEXT;
  }

  #run(most: number): number {
    const { machine } = this;
    const words = machine.words, state = machine.state;
    const pc = state + (State.PC >> 2);
    machine.pcLow = words[pc];
    machine.pcHigh = words[pc + 1];
    const place = this.access.place(machine.pcLow, machine.pcHigh, Access.EXECUTE);
    if (place < 0) return this.#stop(StopReason.PAGE_FAULT, 0);
    if ((machine.pcLow & 1) !== 0) return this.#stop(StopReason.ILLEGAL, 0);
    const frame = place - place % PAGE_BYTES;
    const page = this.#pages.get(frame) ?? this.#begin(frame);
    let slot = (place - frame) >> 1;
    let count = 0;
    while (slot < SLOTS && count < most) {
      const instruction = page[slot] ?? this.#decode(page, frame, slot);
      if (instruction === undefined) return this.#stop(StopReason.PAGE_FAULT, count);
      const outcome = instruction.execute(machine, instruction);
      if (outcome !== NEXT) {
        if (outcome !== JUMP) return this.#stop(outcome, count);
        words[pc] = machine.targetLow;
        words[pc + 1] = machine.targetHigh;
        words[state + (State.BUDGET >> 2)] -= count + 1;
        return 0;
      }
      count++;
      slot += instruction.size >> 1;
      const low = (machine.pcLow >>> 0) + instruction.size;
      machine.pcLow = low | 0;
      if (low > 0xffff_ffff) machine.pcHigh = machine.pcHigh + 1 | 0;
    }
    words[pc] = machine.pcLow;
    words[pc + 1] = machine.pcHigh;
    words[state + (State.BUDGET >> 2)] -= count;
    return 0;
  }

  #stop(reason: number, count: number): number {
    const { words, state, pcLow, pcHigh } = this.machine;
    words[state + (State.PC >> 2)] = pcLow;
    words[state + (State.PC >> 2) + 1] = pcHigh;
    words[state + (State.BUDGET >> 2)] -= count;
    words[state + (State.STOP >> 2)] = reason;
    return reason;
  }

  #begin(frame: number): CodePage {
    this.pager.guardCode(frame);
    const page: CodePage = new Array(SLOTS).fill(undefined);
    this.#pages.set(frame, page);
    return page;
  }

  /** @returns undefined after a fault: the instruction goes on in a page that is not there */
  #decode(page: CodePage, frame: number, slot: number): Decoded | undefined {
    const { view } = this.memory;
    const at = frame + slot * 2;
    const half = view.getUint16(at, true);
    if (instructionBytes(half) === 2) return page[slot] = this.#prepare(decode(half));
    if (slot < SLOTS - 1) return page[slot] = this.#prepare(decode(view.getInt32(at, true)));
    // The second half is in the next page, which may be another one next time: it is not kept.
    const { machine } = this;
    const low = machine.pcLow + 2 | 0;
    const rest = this.access.place(
      low,
      low === 0 ? machine.pcHigh + 1 | 0 : machine.pcHigh,
      Access.EXECUTE,
    );
    if (rest < 0) return undefined;
    return this.#prepare(decode(half | view.getUint16(rest, true) << 16));
  }

  #prepare(instruction: Instruction): Decoded {
    const { machine } = this;
    const { op, rd, rs1, rs2, rs3, imm, rm, size } = instruction;
    return {
      execute: byNumber[op],
      d: floatDestination[op] ? machine.float(rd) : machine.destination(rd),
      a: floatFirst[op] ? machine.float(rs1) : machine.source(rs1),
      b: floatSecond[op] ? machine.float(rs2) : machine.source(rs2),
      c: machine.float(rs3),
      imm,
      sign: op === Op.illegal ? 0 : imm >> 31,
      rm,
      size,
    };
  }
}
