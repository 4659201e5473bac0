// What interpreted operations work on: the hart's registers as pairs of 32-bit words, and decoded
// instructions whose register numbers have become places in those words.
import type { HartClock } from "../engine.ts";
import type { HartMemory } from "../hart_memory.ts";
import type { MemoryAccess } from "../memory_access.ts";
import { State } from "../state.ts";

/** The instruction is done; the next one follows it. */
export const NEXT = 0;
/** The instruction is done; the next one is at `target`. */
export const JUMP = -1;

/** Carries out one instruction. @returns NEXT, JUMP, or a `StopReason` when it was not done */
export type Execute = (machine: Machine, instruction: Decoded) => number;

/** A decoded instruction. Places are indices of `Machine.words`. */
export interface Decoded {
  readonly execute: Execute;
  /** place of the destination; of x0 a place that nobody reads */
  readonly d: number;
  /** places of the sources */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly imm: number;
  /** the immediate's sign, as the upper word has it */
  readonly sign: number;
  readonly rm: number;
  readonly size: number;
}

export class Machine {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly floats: Float32Array;
  readonly view: DataView;
  /** place of the state block in `words` */
  readonly state: number;
  /** address of the instruction */
  pcLow = 0;
  pcHigh = 0;
  /** where a jump goes */
  targetLow = 0;
  targetHigh = 0;

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
  }

  /** Place of an integer register that is read. */
  source(register: number): number {
    return this.state + (State.X >> 2) + register * 2;
  }

  /** Place of an integer register that is written. */
  destination(register: number): number {
    return register === 0 ? this.state + (State.ENGINE >> 2) + 16 : this.source(register);
  }

  /** Place of a floating-point register. */
  float(register: number): number {
    return this.state + (State.F >> 2) + register * 2;
  }

  get fcsr(): number {
    return this.words[this.state + (State.FCSR >> 2)];
  }

  set fcsr(value: number) {
    this.words[this.state + (State.FCSR >> 2)] = value;
  }

  /** Sets accumulated floating-point exceptions. */
  raise(flags: number): void {
    this.words[this.state + (State.FCSR >> 2)] |= flags;
  }
}
