// The body of a WebAssembly function while it is emitted.
import { Writer } from "./byte_writer.ts";
import { type Type, W } from "./wasm_opcodes.ts";

/** Most code fits. */
const CODE_ROOM = 4096;

/** The body of a function: instructions, and the locals they use. */
export class Code extends Writer {
  readonly #locals: Type[] = [];
  #prologue: Writer = new Writer();
  /** places of `if` and `br_if` whose condition is nearly always the same */
  readonly #hints: { at: number; likely: boolean }[] = [];

  readonly #calls: { at: number; callee: number }[] = [];

  /** @param parameters how many locals the function's parameters are */
  constructor(private readonly parameters: number, room = CODE_ROOM) {
    super(room);
  }

  /** Numbers of the functions that it calls. */
  get callees(): Set<number> {
    return new Set(this.#calls.map(({ callee }) => callee));
  }

  /** Another local. @returns its index */
  local(type: Type): number {
    this.#locals.push(type);
    return this.parameters + this.#locals.length - 1;
  }

  op(...opcodes: number[]): this {
    for (let index = 0; index < opcodes.length; index++) this.byte(opcodes[index]);
    return this;
  }
  /** Says of the `if` or `br_if` that comes next how its condition nearly always is. */
  expect(likely: boolean): this {
    this.#hints.push({ at: this.length, likely });
    return this;
  }
  get(local: number): this {
    return this.byte(W.local_get).unsigned(local);
  }
  set(local: number): this {
    return this.byte(W.local_set).unsigned(local);
  }
  tee(local: number): this {
    return this.byte(W.local_tee).unsigned(local);
  }
  i32(value: number): this {
    return this.byte(W.i32_const).signed(value);
  }
  i64(value: number | bigint): this {
    return this.byte(W.i64_const).signed(
      typeof value === "bigint" ? BigInt.asIntN(64, value) : value,
    );
  }
  f64(value: number): this {
    return this.byte(W.f64_const).all(new Uint8Array(Float64Array.of(value).buffer));
  }
  f32(value: number): this {
    return this.byte(W.f32_const).all(new Uint8Array(Float32Array.of(value).buffer));
  }
  /** A load or store; the address is on the stack. */
  memory(opcode: number, offset: number): this {
    return this.byte(opcode).byte(0).unsigned(offset);
  }
  branch(opcode: number, depth: number): this {
    return this.byte(opcode).unsigned(depth);
  }
  /** Calls an imported function, by the number that it has in whatever module. @param callee below 128 */
  call(callee: number): this {
    this.#calls.push({ at: this.length + 1, callee });
    return this.callIndex(callee);
  }
  /** Calls a function of the same module. */
  callIndex(index: number): this {
    return this.byte(W.call).unsigned(index);
  }
  /** An instruction of the 0xfc page: saturating truncations. */
  saturating(opcode: number): this {
    return this.byte(0xfc).unsigned(opcode);
  }
  /** An instruction of the 0xfd page: vectors. */
  vector(opcode: number): this {
    return this.byte(0xfd).unsigned(opcode);
  }

  /** What runs first. */
  get prologue(): Writer {
    return this.#prologue;
  }

  /** Instructions that run first. They use no labels. */
  prepend(prologue: Writer): this {
    this.#prologue = prologue;
    return this;
  }

  /** What comes before the instructions of `this`. */
  #start(): Writer {
    const start = new Writer().unsigned(this.#locals.length);
    for (const type of this.#locals) start.unsigned(1).byte(type);
    return start.append(this.#prologue);
  }

  /** Bytes of the function, with its locals. */
  get size(): number {
    return this.#start().length + this.length + 1;
  }

  /** Writes it as the code section has it. @param indexOf index of an imported function by its number */
  writeBody(out: Writer, indexOf: (callee: number) => number): void {
    out.sized(() => {
      const from = out.append(this.#start()).length;
      out.append(this).byte(W.end);
      for (const { at, callee } of this.#calls) out.patch(from + at, indexOf(callee));
    });
  }

  /** Writes what is expected of its branches, as the branch hint section has it. */
  writeHints(out: Writer): void {
    const start = this.#start().length;
    out.unsigned(this.#hints.length);
    for (const { at, likely } of this.#hints) out.unsigned(start + at).byte(1).byte(likely ? 1 : 0);
  }
}
