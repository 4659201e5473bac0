// Guest registers in the locals of a region. A register is loaded from the state block where it is first
// needed, and stored before the next instruction that may leave the region: ways out then have nothing to do,
// and what a path does not use costs it nothing. A small loop holds its registers instead: they are loaded
// before it and stored where it is left.
import { State } from "../state.ts";
import { NO_REGISTERS, type RegisterSet, union, without } from "./operands.ts";
import type { Code } from "./wasm_code.ts";
import { Type, W } from "./wasm_opcodes.ts";

/** What is known of registers at a place of the code. */
export interface Known {
  /** their locals have what the registers have */
  valid: RegisterSet;
  /** the state block does not have it yet */
  changed: RegisterSet;
  /** the state block gets it where the loop is left */
  held: RegisterSet | undefined;
}

export class Registers {
  readonly #x: (number | undefined)[] = [];
  readonly #f: (number | undefined)[] = [];
  #known: Known = { valid: NO_REGISTERS, changed: NO_REGISTERS, held: undefined };
  #budget: number | undefined;

  /** @param state where the state block is */
  constructor(private readonly code: Code, private readonly state: number) {}

  get known(): Known {
    return this.#known;
  }
  set known(known: Known) {
    this.#known = known;
  }

  /** Registers that the loop at hand holds; undefined outside of such a loop. */
  get held(): RegisterSet | undefined {
    return this.#known.held;
  }

  /** A local for the budget in loops that hold their registers. */
  get budget(): number {
    return this.#budget ??= this.code.local(Type.I32);
  }

  x(register: number): number {
    return this.#x[register] ??= this.code.local(Type.I64);
  }

  f(register: number): number {
    return this.#f[register] ??= this.code.local(Type.F64);
  }

  /** Loads what is not in locals yet. */
  load(set: RegisterSet): void {
    const missing = without(set, this.#known.valid);
    if (missing.x === 0 && missing.f === 0) return;
    this.reload(missing);
    this.#known = { ...this.#known, valid: union(this.#known.valid, missing) };
  }

  /** Loads from the state block, which somebody else has changed. */
  reload(set: RegisterSet): void {
    const { code, state } = this;
    forEachBit(set.x, (register) => {
      code.i32(0).memory(W.i64_load, state + State.X + register * 8).set(this.x(register));
    });
    forEachBit(set.f, (register) => {
      code.i32(0).memory(W.f64_load, state + State.F + register * 8).set(this.f(register));
    });
  }

  /** Locals have been set: the state block is behind. */
  wrote(set: RegisterSet): void {
    if (set.x === 0 && set.f === 0) return;
    const { valid, changed, held } = this.#known;
    this.#known = { valid: union(valid, set), changed: union(changed, set), held };
  }

  /** The state block gets what only locals have, but for what a loop holds. */
  flush(): void {
    const { valid, changed, held } = this.#known;
    const late = held === undefined ? changed : without(changed, held);
    if (late.x === 0 && late.f === 0) return;
    this.store(late);
    this.#known = { valid, changed: without(changed, late), held };
  }

  /** Stores what the loop at hand holds, and the budget: it is left here. */
  storeHeld(): void {
    const { held } = this.#known;
    if (held === undefined) return;
    this.store(held);
    this.code.i32(0).get(this.budget).memory(W.i32_store, this.state + State.BUDGET);
  }

  store(set: RegisterSet): void {
    const { code, state } = this;
    forEachBit(set.x, (register) => {
      code.i32(0).get(this.x(register)).memory(W.i64_store, state + State.X + register * 8);
    });
    forEachBit(set.f, (register) => {
      code.i32(0).get(this.f(register)).memory(W.f64_store, state + State.F + register * 8);
    });
  }
}

function forEachBit(set: number, visit: (index: number) => void): void {
  for (; set !== 0; set &= set - 1) visit(31 - Math.clz32(set & -set));
}
