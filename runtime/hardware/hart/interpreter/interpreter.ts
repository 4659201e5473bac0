// The interpreter: executes what is not worth translating, and is what translated code is compared with.
// Instructions are decoded once per frame of code.
import { decode, instructionBytes } from "../decode.ts";
import { encodings, floatOperands } from "../encodings.ts";
import { Access, type HartClock, type Pager, StopReason } from "../engine.ts";
import type { HartMemory } from "../hart_memory.ts";
import { type Operation, operations } from "../instruction.ts";
import { MemoryAccess } from "../memory_access.ts";
import { State } from "../state.ts";
import { PAGE_BYTES } from "../translation_table.ts";
import { atomicOperations } from "./atomic.ts";
import { bitOperations } from "./bit_manipulation.ts";
import { controlOperations, jumpToRegister } from "./control.ts";
import { floatInstructions } from "./float.ts";
import { integerOperations } from "./integer.ts";
import { type Decoded, type Execute, JUMP, LEAVE, Machine, NEXT } from "./machine.ts";
import { memoryOperations } from "./memory.ts";
import { multiplyOperations } from "./multiply.ts";
import { isSwitch, Switches } from "./switches.ts";
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

/** Where a page ends, and where an instruction goes on in a page that is not there. */
const leave: Execute = () => LEAVE;
const fault: Execute = () => StopReason.PAGE_FAULT;

/** Something to execute that is no instruction: of the same shape, so that all are called alike. */
function pseudo(execute: Execute, offset: number): Decoded {
  return decoded(execute, 0, 0, 0, 0, 0, 0, PAGE_BYTES, offset);
}

function decoded(
  execute: Execute,
  d: number,
  a: number,
  b: number,
  c: number,
  imm: number,
  rm: number,
  size: number,
  offset: number,
): Decoded {
  return { execute, d, a, b, c, imm, sign: imm >> 31, rm, size, offset, next: undefined };
}

/** Decoded instructions of a frame. */
type CodePage = (Decoded | undefined)[];

export class Interpreter {
  readonly machine: Machine;
  readonly switches = new Switches();
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
    this.switches.forget(frame);
    if (frame === this.#frame) this.#frame = -1;
  }

  /** Whether it has ever come to the instruction at a place in the hart's memory. */
  reached(place: number): boolean {
    const offset = place & PAGE_BYTES - 1;
    // What crosses pages is not kept.
    return offset === PAGE_BYTES - 2 ||
      this.#pages.get(place - offset)?.[offset >> 1] !== undefined;
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
    if (place < 0) return words[this.#stop] = StopReason.PAGE_FAULT;
    machine.pageLow = low & -PAGE_BYTES;
    machine.pageHigh = high;
    const offset = low & PAGE_BYTES - 1, frame = place - offset;
    const page = frame === this.#frame ? this.#page : this.#enter(frame);
    let instruction = page[offset >> 1] ?? this.#decode(page, frame, offset);
    let outcome = instruction.execute(machine, instruction), count = 0;
    while (outcome === NEXT) {
      instruction = instruction.next ?? this.#follow(page, frame, instruction);
      if (++count === most) break;
      outcome = instruction.execute(machine, instruction);
    }
    if (outcome === JUMP) {
      words[this.#budget] -= count + 1;
      if (instruction.execute === jumpToRegister) {
        const { offset } = instruction;
        this.switches.note(frame, offset, words[pc] - (machine.pageLow + offset) | 0);
      }
      return 0;
    }
    words[this.#budget] -= count;
    const next = machine.pageLow + instruction.offset | 0;
    words[pc] = next;
    // Behind the last page of 4 GiB.
    if (next === 0 && instruction.offset !== 0) words[pc + 1] = high + 1;
    if (outcome === NEXT || outcome === LEAVE) return 0;
    return words[this.#stop] = outcome;
  }

  /** What is behind an instruction. */
  #follow(page: CodePage, frame: number, instruction: Decoded): Decoded {
    const offset = instruction.offset + instruction.size;
    if (offset >= PAGE_BYTES) return instruction.next = pseudo(leave, offset);
    const next = page[offset >> 1] ?? this.#decode(page, frame, offset);
    // What goes on in the next page is made anew each time.
    if (offset + next.size <= PAGE_BYTES) instruction.next = next;
    return next;
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

  #decode(page: CodePage, frame: number, offset: number): Decoded {
    const { view } = this.memory;
    const half = view.getUint16(frame + offset, true);
    const size = instructionBytes(half);
    if (offset + size <= PAGE_BYTES) {
      const word = size === 2 ? half : view.getInt32(frame + offset, true);
      return page[offset >> 1] = this.#prepare(word, offset);
    }
    // The second half is in the next page, which may be another one next time: it is not kept.
    const { pageLow, pageHigh } = this.machine;
    const low = pageLow + PAGE_BYTES | 0;
    const rest = this.access.place(low, low === 0 ? pageHigh + 1 | 0 : pageHigh, Access.EXECUTE);
    if (rest < 0) return pseudo(fault, offset);
    return this.#prepare(half | view.getUint16(rest, true) << 16, offset);
  }

  #prepare(word: number, offset: number): Decoded {
    const { machine } = this;
    const { op, rd, rs1, rs2, rs3, imm, rm, size } = decode(word);
    const { execute, float, immediate } = behaviours[op];
    const d = float.rd ? machine.float(rd) : machine.destination(rd);
    const a = float.rs1 ? machine.float(rs1) : machine.source(rs1);
    const second = float.rs2 ? machine.float(rs2) : machine.source(rs2);
    const b = immediate ? machine.immediate(imm) : second;
    const run = isSwitch({ op, rd, rs1 }) ? jumpToRegister : execute;
    return decoded(run, d, a, b, machine.float(rs3), imm, rm, size, offset);
  }
}
