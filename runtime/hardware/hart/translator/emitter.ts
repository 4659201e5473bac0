// What the lowering of every instruction works with: the code that is being made, its locals, and the ways
// out of a region.
import type { Instruction } from "../instruction.ts";
import type { Access } from "./access_groups.ts";
import { State } from "../state.ts";
import { reads, written } from "./operands.ts";
import { type Known, Registers } from "./registers.ts";
import { Code } from "./wasm_code.ts";
import { Type, VOID, W } from "./wasm_opcodes.ts";

/** What a region's function returns instead of an address: odd, which no address of code is. */
export function exitCode(reason: number): number {
  return reason << 1 | 1;
}

/** The interpreter is to execute what comes next: nothing is wrong. */
export const INTERPRET = 64;
/** The dispatcher knows no function for an address. */
export const LOOK_UP = 65;
/** A region has been entered so often that a better one should be made. */
export const HEATED = 66;

/** Functions that code may call: see `Code.call`. */
export const Imported = {
  /** (address, size, access) -> what leads from the address to its place, or NOT_TRANSLATED */
  TRANSLATE: 0,
  /** (instruction word) -> whether the interpreter carried it out, on registers in the state block */
  FALL_BACK: 1,
  MULTIPLY_HIGH: 2,
  MULTIPLY_HIGH_UNSIGNED: 3,
  MULTIPLY_HIGH_MIXED: 4,
} as const;

/** What is known of the host when code is made. */
export interface Host {
  /** where the state block is */
  state: number;
  /** relaxed multiply-add rounds once: it can stand for the fused one */
  fusedMultiplyAdd: boolean;
}

export class Emitter {
  readonly code = new Code(1);
  /** the parameter: where the region is entered, and then where its switches go */
  readonly target = 0;
  readonly registers: Registers;
  depth = 0;
  /** the instruction that is lowered, its address, and its word as it was fetched */
  instruction!: Instruction;
  address = 0;
  word = 0;
  /** what it is if it loads or stores */
  access: Access | undefined;
  /** where code goes that leaves an instruction, whose distance from the entry it pushes, to the interpreter */
  interpretLabel = 0;
  #table: number | undefined;
  readonly #scratch = new Map<string, number>();

  /** @param entry address where the region begins */
  constructor(readonly host: Host, private readonly entry: number) {
    this.registers = new Registers(this.code, host.state);
  }

  /** A local of the region that is shared by all who ask for its name. */
  scratch(name: string, type: Type): number {
    let local = this.#scratch.get(name);
    if (local === undefined) this.#scratch.set(name, local = this.code.local(type));
    return local;
  }

  /** A local with the start of the translation table. */
  get table(): number {
    return this.#table ??= this.code.local(Type.I32);
  }

  /** What has to run before everything else: known once everything else is. */
  prologue(): Code {
    const prologue = new Code(0, 64);
    if (this.#table !== undefined) {
      prologue.i32(0).memory(W.i32_load, this.host.state + State.TRANSLATIONS).set(this.#table);
    }
    return prologue;
  }

  open(opcode: number, type: number = VOID): number {
    this.code.byte(opcode).byte(type);
    return ++this.depth;
  }

  /** Opens an `if` whose condition nearly always is as said. */
  openExpecting(likely: boolean, type: number = VOID): void {
    this.code.expect(likely);
    this.open(W.if, type);
  }

  close(): void {
    this.code.op(W.end);
    this.depth--;
  }

  otherwise(): void {
    this.code.op(W.else);
  }

  /** Branches to what `open` returned. */
  branch(label: number): void {
    this.code.branch(W.br, this.depth - label);
  }

  /** Branches to what `open` returned if what is on the stack is so, which it nearly always is, or nearly never. */
  branchIf(label: number, likely: boolean): void {
    this.code.expect(likely).branch(W.br_if, this.depth - label);
  }

  /** A word or number of the state block. */
  loadState(opcode: number, offset: number): void {
    this.code.i32(0).memory(opcode, this.host.state + offset);
  }

  /** Stores what `value` pushes. */
  storeState(opcode: number, offset: number, value: () => void): void {
    this.code.i32(0);
    value();
    this.code.memory(opcode, this.host.state + offset);
  }

  /** Pushes an integer register: one that the instruction reads, see `Registers.load`. */
  x(register: number): this {
    if (register === 0) this.code.i64(0n);
    else this.code.get(this.registers.x(register));
    return this;
  }

  /** Pops into an integer register: one that the instruction writes. */
  setX(register: number): void {
    if (register === 0) this.code.op(W.drop);
    else this.code.set(this.registers.x(register));
  }

  /** Pushes the bits of a floating-point register, as a double. */
  f(register: number): this {
    this.code.get(this.registers.f(register));
    return this;
  }

  setF(register: number): void {
    this.code.set(this.registers.f(register));
  }

  /**
   * Emits code that `interpretIf` may leave from.
   * @param known what is known of registers all through it
   * @param emit emits what does not end; gets what `interpretLabel` is to be within
   */
  leavable(known: Known, emit: (label: number) => void): void {
    const { code } = this;
    emit(this.open(W.block, Type.I64));
    code.op(W.unreachable);
    this.close();
    const distance = this.scratch("distance", Type.I64);
    code.set(distance);
    this.registers.known = known;
    this.registers.storeHeld();
    this.#leaveFor(exitCode(INTERPRET), () => {
      code.get(distance).i64(this.entry).op(W.i64_add);
    });
  }

  /** Leaves the region before an instruction, for a reason. */
  bail(reason: number, address = this.address): void {
    this.registers.storeHeld();
    this.#leaveFor(exitCode(reason), () => this.code.i64(address));
  }

  /** Leaves the region before what `target` says, for a reason. */
  bailToTarget(reason: number): void {
    this.#leaveFor(exitCode(reason), () => this.code.get(this.target));
  }

  #leaveFor(exit: number, pushPc: () => void): void {
    this.storeState(W.i64_store, State.PC, pushPc);
    this.code.i64(exit).op(W.return);
  }

  /**
   * Leaves so that the interpreter executes the instruction, if what `condition` pushes is so: it rarely is.
   * The state block has to be up to date, but for what the loop at hand holds.
   */
  interpretIf(condition: () => void): void {
    const { code } = this;
    code.i64(this.address - this.entry);
    condition();
    code.expect(false).branch(W.br_if, this.depth - this.interpretLabel).op(W.drop);
  }

  /** Leaves for the address that is on the stack. */
  leave(): void {
    this.code.op(W.return);
  }

  /** Takes instructions from the budget; `leave` leaves when it is used up. */
  spend(instructions: number, leave: () => void): void {
    const { code, registers } = this;
    const inLocal = registers.held !== undefined;
    const budget = inLocal ? registers.budget : this.scratch("budget", Type.I32);
    if (inLocal) code.get(budget);
    else this.loadState(W.i32_load, State.BUDGET);
    code.i32(instructions).op(W.i32_sub).set(budget);
    if (!inLocal) this.storeState(W.i32_store, State.BUDGET, () => code.get(budget));
    code.get(budget).i32(0).op(W.i32_lt_s);
    this.openExpecting(false);
    leave();
    this.close();
  }

  /** Has the interpreter carry the instruction out, on the state block. */
  fallBack(): void {
    const { code, instruction, registers } = this;
    // What is not held is there already: see `mayLeave`.
    if (registers.held !== undefined) {
      const sources = reads(instruction);
      registers.store({ x: sources.x & registers.held.x, f: sources.f & registers.held.f });
    }
    this.interpretIf(() => code.i32(this.word).call(Imported.FALL_BACK).op(W.i32_eqz));
    registers.reload(written(instruction));
    this.reloadFlags();
  }

  /** A local with fcsr, once somebody has asked for it. */
  get flags(): number {
    return this.scratch("fcsr", Type.I32);
  }

  reloadFlags(): void {
    this.loadState(W.i32_load, State.FCSR);
    this.code.set(this.flags);
  }
}
