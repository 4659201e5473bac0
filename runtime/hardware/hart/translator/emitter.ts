// What the lowering of every instruction works with: the code that is being made, the locals that hold
// guest registers, and the ways out of a region.
import { StopReason } from "../engine.ts";
import type { Instruction } from "../instruction.ts";
import { State } from "../state.ts";
import { reads, type RegisterSet, written } from "./operands.ts";
import { Code, Type, VOID, W } from "./wasm_encoder.ts";

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

/** Indices of the functions that every module imports. */
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
  readonly code = new Code(0);
  /** code is to be small rather than fast: it will be made anew if it turns out to be hot */
  compact = false;
  /** the region has a loop: what is loaded once pays */
  loops = true;
  depth = 0;
  /** the instruction that is lowered, its address, and its word as it was fetched */
  instruction!: Instruction;
  address = 0;
  word = 0;
  /** its base register was computed in the block, for this access alone */
  accessedOnce = false;
  #table: number | undefined;
  readonly #x: number[] = [];
  readonly #f: number[] = [];
  readonly #scratch = new Map<string, number>();
  readonly #initial = new Map<number, bigint>();
  #leaveLabel = 0;
  #bailLabel = 0;
  readonly reason = this.code.local(Type.I32);
  readonly pc = this.code.local(Type.I64);
  readonly budget = this.code.local(Type.I32);

  /**
   * @param used registers that the region reads or writes: each has a local
   * @param changed those that it writes
   */
  constructor(
    readonly host: Host,
    private readonly used: RegisterSet,
    private readonly changed: RegisterSet,
  ) {
    forEachBit(used.x, (register) => this.#x[register] = this.code.local(Type.I64));
    forEachBit(used.f, (register) => this.#f[register] = this.code.local(Type.F64));
  }

  /**
   * A local of the region that is shared by all who ask for its name.
   * @param initial what a 64-bit integer holds where the region begins; zero unless told
   */
  scratch(name: string, type: Type, initial = 0n): number {
    let local = this.#scratch.get(name);
    if (local === undefined) {
      this.#scratch.set(name, local = this.code.local(type));
      if (initial !== 0n) this.#initial.set(local, initial);
    }
    return local;
  }

  /** A local with the start of the translation table. */
  get table(): number {
    return this.#table ??= this.code.local(Type.I32);
  }

  /** What has to run before everything else: known once everything else is. */
  prologue(): Code {
    const prologue = new Code(0);
    if (this.#table !== undefined) {
      prologue.i32(0).memory(W.i32_load, this.host.state + State.TRANSLATIONS).set(this.#table);
    }
    for (const [local, value] of this.#initial) prologue.i64(value).set(local);
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

  /** Pushes an integer register. */
  x(register: number): this {
    if (register === 0) this.code.i64(0n);
    else this.code.get(this.#x[register]);
    return this;
  }

  /** Pops into an integer register. */
  setX(register: number): void {
    if (register === 0) this.code.op(W.drop);
    else this.code.set(this.#x[register]);
  }

  /** Pushes the bits of a floating-point register, as a double. */
  f(register: number): this {
    this.code.get(this.#f[register]);
    return this;
  }

  setF(register: number): void {
    this.code.set(this.#f[register]);
  }

  /** Registers come from the state block; the code up to `finish` is inside the way out. */
  begin(): void {
    const { code } = this;
    forEachBit(this.used.x, (register) => {
      this.loadState(W.i64_load, State.X + register * 8);
      code.set(this.#x[register]);
    });
    forEachBit(this.used.f, (register) => {
      this.loadState(W.f64_load, State.F + register * 8);
      code.set(this.#f[register]);
    });
    this.loadState(W.i32_load, State.BUDGET);
    code.set(this.budget);
    this.#leaveLabel = this.open(W.block);
    this.#bailLabel = this.open(W.block);
  }

  /** The ways out: all registers that the region changes go back to the state block. */
  finish(): void {
    const { code } = this;
    code.op(W.unreachable);
    this.close();
    this.storeState(W.i64_store, State.PC, () => code.get(this.pc));
    code.get(this.reason).op(W.i64_extend_i32_u).set(this.pc);
    this.close();
    forEachBit(
      this.changed.x,
      (register) => this.storeState(W.i64_store, State.X + register * 8, () => this.x(register)),
    );
    forEachBit(
      this.changed.f,
      (register) => this.storeState(W.f64_store, State.F + register * 8, () => this.f(register)),
    );
    this.storeState(W.i32_store, State.BUDGET, () => code.get(this.budget));
    code.get(this.pc).op(W.return);
  }

  /** Leaves the region before an instruction, for a reason. */
  bail(reason: number, address = this.address): void {
    this.code.i32(exitCode(reason)).set(this.reason).i64(address).set(this.pc);
    this.branch(this.#bailLabel);
  }

  /** Leaves for the address that is on the stack. */
  leave(): void {
    this.code.set(this.pc);
    this.branch(this.#leaveLabel);
  }

  /** Takes instructions from the budget; leaves when it is used up. */
  spend(instructions: number, address: number): void {
    this.code.get(this.budget).i32(instructions).op(W.i32_sub).tee(this.budget);
    this.code.i32(0).op(W.i32_lt_s);
    this.openExpecting(false);
    this.bail(StopReason.BUDGET, address);
    this.close();
  }

  /** Has the interpreter carry the instruction out, on the state block. */
  fallBack(): void {
    const { code, instruction } = this;
    const sources = reads(instruction), results = written(instruction);
    forEachBit(
      sources.x,
      (register) => this.storeState(W.i64_store, State.X + register * 8, () => this.x(register)),
    );
    forEachBit(
      sources.f,
      (register) => this.storeState(W.f64_store, State.F + register * 8, () => this.f(register)),
    );
    code.i32(this.word).call(Imported.FALL_BACK).op(W.i32_eqz);
    this.openExpecting(false);
    this.bail(INTERPRET);
    this.close();
    forEachBit(results.x, (register) => {
      this.loadState(W.i64_load, State.X + register * 8);
      this.setX(register);
    });
    forEachBit(results.f, (register) => {
      this.loadState(W.f64_load, State.F + register * 8);
      this.setF(register);
    });
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

export function forEachBit(set: number, visit: (index: number) => void): void {
  for (let index = 0; index < 32; index++) if ((set >>> index & 1) !== 0) visit(index);
}
