// Writes WebAssembly in its binary format (core specification 2.0, chapter 5; relaxed SIMD for the fused
// multiply-add): just what translated code needs.

export const Type = { I32: 0x7f, I64: 0x7e, F32: 0x7d, F64: 0x7c } as const;
export type Type = (typeof Type)[keyof typeof Type];

/** Opcodes of one byte, by their names in the text format. */
export const W = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  br_if: 0x0d,
  return: 0x0f,
  call: 0x10,
  call_indirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  local_get: 0x20,
  local_set: 0x21,
  local_tee: 0x22,
  i32_load: 0x28,
  i64_load: 0x29,
  f32_load: 0x2a,
  f64_load: 0x2b,
  i64_load8_s: 0x30,
  i64_load8_u: 0x31,
  i64_load16_s: 0x32,
  i64_load16_u: 0x33,
  i64_load32_s: 0x34,
  i64_load32_u: 0x35,
  i32_store: 0x36,
  i64_store: 0x37,
  f64_store: 0x39,
  i64_store8: 0x3c,
  i64_store16: 0x3d,
  i64_store32: 0x3e,
  i32_const: 0x41,
  i64_const: 0x42,
  f32_const: 0x43,
  f64_const: 0x44,
  i32_eqz: 0x45,
  i32_eq: 0x46,
  i32_ne: 0x47,
  i32_lt_s: 0x48,
  i32_gt_s: 0x4a,
  i32_le_s: 0x4c,
  i64_eqz: 0x50,
  i64_eq: 0x51,
  i64_ne: 0x52,
  i64_lt_s: 0x53,
  i64_lt_u: 0x54,
  i64_gt_s: 0x55,
  i64_gt_u: 0x56,
  i64_le_u: 0x58,
  i64_ge_s: 0x59,
  i64_ge_u: 0x5a,
  f32_eq: 0x5b,
  f32_lt: 0x5d,
  f32_le: 0x5f,
  f32_gt: 0x5e,
  f64_eq: 0x61,
  f64_lt: 0x63,
  f64_le: 0x65,
  f64_gt: 0x64,
  f64_ge: 0x66,
  i32_clz: 0x67,
  i32_ctz: 0x68,
  i32_popcnt: 0x69,
  i32_add: 0x6a,
  i32_sub: 0x6b,
  i32_mul: 0x6c,
  i32_div_s: 0x6d,
  i32_div_u: 0x6e,
  i32_rem_s: 0x6f,
  i32_rem_u: 0x70,
  i32_and: 0x71,
  i32_or: 0x72,
  i32_xor: 0x73,
  i32_shl: 0x74,
  i32_shr_s: 0x75,
  i32_shr_u: 0x76,
  i32_rotl: 0x77,
  i32_rotr: 0x78,
  i64_clz: 0x79,
  i64_ctz: 0x7a,
  i64_popcnt: 0x7b,
  i64_add: 0x7c,
  i64_sub: 0x7d,
  i64_mul: 0x7e,
  i64_div_s: 0x7f,
  i64_div_u: 0x80,
  i64_rem_s: 0x81,
  i64_rem_u: 0x82,
  i64_and: 0x83,
  i64_or: 0x84,
  i64_xor: 0x85,
  i64_shl: 0x86,
  i64_shr_s: 0x87,
  i64_shr_u: 0x88,
  i64_rotl: 0x89,
  i64_rotr: 0x8a,
  f32_abs: 0x8b,
  f32_neg: 0x8c,
  f32_sqrt: 0x91,
  f32_add: 0x92,
  f32_sub: 0x93,
  f32_mul: 0x94,
  f32_div: 0x95,
  f32_min: 0x96,
  f32_max: 0x97,
  f64_abs: 0x99,
  f64_neg: 0x9a,
  f64_nearest: 0x9e,
  f64_sqrt: 0x9f,
  f64_add: 0xa0,
  f64_sub: 0xa1,
  f64_mul: 0xa2,
  f64_div: 0xa3,
  f64_min: 0xa4,
  f64_max: 0xa5,
  f64_copysign: 0xa6,
  i32_wrap_i64: 0xa7,
  i64_extend_i32_s: 0xac,
  i64_extend_i32_u: 0xad,
  f32_convert_i32_s: 0xb2,
  f32_demote_f64: 0xb6,
  f64_convert_i32_s: 0xb7,
  f64_convert_i32_u: 0xb8,
  f64_convert_i64_s: 0xb9,
  f64_convert_i64_u: 0xba,
  f64_promote_f32: 0xbb,
  i32_reinterpret_f32: 0xbc,
  i64_reinterpret_f64: 0xbd,
  f32_reinterpret_i32: 0xbe,
  f64_reinterpret_i64: 0xbf,
  i64_extend8_s: 0xc2,
  i64_extend16_s: 0xc3,
  i64_extend32_s: 0xc4,
} as const;

/** Block type of a block without result. */
export const VOID = 0x40;

/** Bytes that are being written. */
export class Writer {
  #buffer: Uint8Array<ArrayBuffer>;
  length = 0;

  /** @param room for so many bytes at first: small ones are cheap, others should seldom grow */
  constructor(room = 64) {
    this.#buffer = new Uint8Array(room);
  }

  /** What has been written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.length);
  }

  #grow(least: number): void {
    const larger = new Uint8Array(Math.max(least, this.#buffer.length * 4));
    larger.set(this.bytes);
    this.#buffer = larger;
  }

  byte(value: number): this {
    if (this.length === this.#buffer.length) this.#grow(0);
    this.#buffer[this.length++] = value;
    return this;
  }

  all(values: ArrayLike<number>): this {
    const end = this.length + values.length;
    if (end > this.#buffer.length) this.#grow(end);
    this.#buffer.set(values, this.length);
    this.length = end;
    return this;
  }

  /** Changes a byte that has been written. */
  patch(at: number, value: number): void {
    this.#buffer[at] = value;
  }

  /** Keeps what was written, and no room for more. */
  trim(): this {
    this.#buffer = this.bytes.slice();
    return this;
  }

  /** LEB128 of an unsigned number below 2^32. */
  unsigned(value: number): this {
    value >>>= 0;
    while (value >= 0x80) {
      this.byte(value & 0x7f | 0x80);
      value >>>= 7;
    }
    return this.byte(value);
  }

  /** LEB128 of an integer: 64 bits as a bigint, exact ones as a number. */
  signed(value: number | bigint): this {
    if (typeof value === "bigint") {
      if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
        return this.#signed64(value);
      }
      value = Number(value);
    }
    for (;;) {
      const rest = Math.floor(value / 128);
      const low = value - rest * 128;
      value = rest;
      if (rest === 0 && low < 0x40 || rest === -1 && low >= 0x40) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  #signed64(value: bigint): this {
    for (;;) {
      const low = Number(value & 0x7fn);
      value >>= 7n;
      if (value === 0n && low < 0x40 || value === -1n && low >= 0x40) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  name(text: string): this {
    this.unsigned(text.length);
    for (let index = 0; index < text.length; index++) this.byte(text.charCodeAt(index));
    return this;
  }

  append(other: Writer): this {
    return this.all(other.bytes);
  }

  /** What `write` writes, with its length before it. */
  sized(write: () => void): this {
    const at = this.length;
    this.all(SIZE);
    write();
    let size = this.length - at - SIZE.length;
    for (let index = 0; index < SIZE.length; index++, size >>>= 7) {
      this.#buffer[at + index] = size & 0x7f | (index < SIZE.length - 1 ? 0x80 : 0);
    }
    return this;
  }
}

/** A length in as many bytes as the longest has. */
const SIZE = [0, 0, 0, 0, 0];
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

export interface Signature {
  parameters: readonly Type[];
  results: readonly Type[];
}

export interface ModuleParts {
  types: readonly Signature[];
  /** imported functions, from module "e", and the numbers that code knows them by; and "e.memory" */
  imports: readonly { name: string; type: number; callee: number }[];
  /** whether there is an import "e.table" */
  table: boolean;
  functions: readonly {
    type: number;
    code: Code;
    exported: string;
    /** as profilers show it */
    name?: string;
  }[];
}

const Section = { CUSTOM: 0, TYPE: 1, IMPORT: 2, FUNCTION: 3, EXPORT: 7, CODE: 10 } as const;
const MODULE_ROOM = 1 << 16;
/** Pages of a memory: any will do that has a state block. */
const LEAST_PAGES = 1, MOST_PAGES = 65536;

/** Makes modules, one after the other, in the same memory. */
export class ModuleEncoder {
  readonly #out = new Writer(MODULE_ROOM);

  /** @returns the module; its bytes last until the next one is made */
  encode(parts: ModuleParts): Uint8Array<ArrayBuffer> {
    const out = this.#out;
    out.length = 0;
    out.all([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    this.#section(Section.TYPE, () => this.#types(parts));
    this.#section(Section.IMPORT, () => this.#imports(parts));
    this.#section(Section.FUNCTION, () => {
      out.unsigned(parts.functions.length);
      for (const { type } of parts.functions) out.unsigned(type);
    });
    this.#section(Section.EXPORT, () => {
      this.#each(parts, (index, { exported }) => out.name(exported).byte(0).unsigned(index));
    });
    this.#section(Section.CUSTOM, () => {
      out.name("metadata.code.branch_hint");
      this.#each(parts, (index, { code }) => code.writeHints(out.unsigned(index)));
    });
    this.#section(Section.CODE, () => {
      out.unsigned(parts.functions.length);
      const indexOf = (callee: number) => parts.imports.findIndex((each) => each.callee === callee);
      for (const { code } of parts.functions) code.writeBody(out, indexOf);
    });
    this.#section(Section.CUSTOM, () => {
      out.name("name");
      const FUNCTION_NAMES = 1;
      this.#section(FUNCTION_NAMES, () => {
        this.#each(
          parts,
          (index, { name, exported }) => out.unsigned(index).name(name ?? exported),
        );
      });
    });
    return out.bytes;
  }

  #section(id: number, content: () => void): void {
    this.#out.byte(id).sized(content);
  }

  #types({ types }: ModuleParts): void {
    const out = this.#out;
    out.unsigned(types.length);
    for (const { parameters, results } of types) {
      out.byte(0x60).unsigned(parameters.length).all(parameters);
      out.unsigned(results.length).all(results);
    }
  }

  #imports({ imports, table }: ModuleParts): void {
    const out = this.#out;
    out.unsigned(imports.length + (table ? 2 : 1));
    out.name("e").name("memory").all([2, 1]).unsigned(LEAST_PAGES).unsigned(MOST_PAGES);
    if (table) out.name("e").name("table").all([1, 0x70, 0]).unsigned(0);
    for (const { name, type } of imports) out.name("e").name(name).byte(0).unsigned(type);
  }

  /** Counts the functions, and has each written with its index. */
  #each(
    { imports, functions }: ModuleParts,
    write: (index: number, made: ModuleParts["functions"][number]) => void,
  ): void {
    this.#out.unsigned(functions.length);
    functions.forEach((each, index) => write(imports.length + index, each));
  }
}
