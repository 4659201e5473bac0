// What interpreted operations work on: the hart's registers as pairs of 32-bit words, low word first, and
// decoded instructions whose register numbers have become places in those words.
import type { HartClock } from "../engine.ts";
import type { HartMemory } from "../hart_memory.ts";
import type { MemoryAccess } from "../memory_access.ts";
import { State } from "../state.ts";

/** The instruction is done; the next one follows it. */
export const NEXT = 0;
/** The instruction is done; the address of the next one is in PC. */
export const JUMP = -1;

/** The page ends here, and the block with it; the next instruction is on another page. */
export const LEAVE = -2;

/** Carries out one instruction. @returns NEXT, JUMP, LEAVE, or a `StopReason` when it was not done */
export type Execute = (machine: Machine, instruction: Decoded) => number;

/** A decoded instruction. Places are indices of `Machine.words`. */
export interface Decoded {
  readonly execute: Execute;
  /** place of the destination; of x0 a place that nobody reads */
  readonly d: number;
  /** places of the sources; an immediate operand has a place like a register */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly imm: number;
  /** the immediate's sign, as the upper word has it */
  readonly sign: number;
  readonly rm: number;
  readonly size: number;
  /** where in its page the instruction begins */
  readonly offset: number;
  /** the one behind it in the same page, once it has been decoded */
  next: Decoded | undefined;
}

const IMMEDIATES = 4096;
/** Where writes to x0 go: in the engine's room of the state block. */
const SINK = State.ENGINE + 64;

export class Machine {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly floats: Float32Array;
  readonly view: DataView;
  /** place of the state block in `words` */
  readonly state: number;
  /** places of PC and fcsr */
  readonly pc: number;
  readonly fcsr: number;
  /** address of the page that code is executed in */
  pageLow = 0;
  pageHigh = 0;

  constructor(
    readonly memory: HartMemory,
    readonly access: MemoryAccess,
    readonly clock: HartClock,
  ) {
    this.words = memory.words;
    this.view = memory.view;
    this.doubles = new Float64Array(memory.memory.buffer);
    this.floats = new Float32Array(memory.memory.buffer);
    this.state = memory.state >> 2;
    this.pc = this.state + (State.PC >> 2);
    this.fcsr = this.state + (State.FCSR >> 2);
    for (let imm = 0; imm < IMMEDIATES; imm++) {
      this.words[this.immediate(imm)] = imm << 20 >> 20;
      this.words[this.immediate(imm) + 1] = imm << 20 >> 31;
    }
  }

  /** Place of an integer register that is read. */
  source(register: number): number {
    return this.state + (State.X >> 2) + register * 2;
  }

  /** Place of an integer register that is written. */
  destination(register: number): number {
    return register === 0 ? this.state + (SINK >> 2) : this.source(register);
  }

  /** Place of a floating-point register. */
  float(register: number): number {
    return this.state + (State.F >> 2) + register * 2;
  }

  /** Place of an immediate of 12 bits, or of a smaller one without sign. */
  immediate(imm: number): number {
    return (this.memory.immediates >> 2) + (imm & IMMEDIATES - 1) * 2;
  }
}

/** Goes on at an address relative to the instruction's. */
export function jump(machine: Machine, { offset, imm, sign }: Decoded): number {
  const { words, pc } = machine;
  const from = machine.pageLow | offset, low = from + imm | 0;
  words[pc] = low;
  words[pc + 1] = machine.pageHigh + sign + (low >>> 0 < from >>> 0 ? 1 : 0);
  return JUMP;
}

/** Sets PC to the address behind the instruction. */
export function follow(machine: Machine, at: number, { offset, size }: Decoded): void {
  const { words } = machine;
  const low = (machine.pageLow | offset) + size | 0;
  words[at] = low;
  words[at + 1] = machine.pageHigh + (low >>> 0 < size ? 1 : 0);
}

/** A result of 32 bits, sign-extended. */
export function put32(words: Int32Array, d: number, value: number): number {
  words[d] = value;
  words[d + 1] = value >> 31;
  return NEXT;
}

/** A result of 64 bits. */
export function put(words: Int32Array, d: number, low: number, high: number): number {
  words[d] = low;
  words[d + 1] = high;
  return NEXT;
}
