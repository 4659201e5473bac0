// The module that translated code leans on: the dispatcher, which goes from function to function, the lookup
// of addresses in the translation table, and the upper halves of products.
import { type HartMemory, JUMP_ENTRIES } from "../hart_memory.ts";
import { StopReason } from "../engine.ts";
import { State } from "../state.ts";
import { PAGE_BYTES, PAGE_SHIFT, TRANSLATION_ENTRIES } from "../translation_table.ts";
import { exitCode, HEATED, LOOK_UP } from "./emitter.ts";
import { Code } from "./wasm_code.ts";
import { ModuleEncoder, type Signature } from "./wasm_module.ts";
import { Type, VOID, W } from "./wasm_opcodes.ts";

/** Type of a region's function: from where it is entered to the next address, or an exit code. */
export const REGION: Signature = { parameters: [Type.I64], results: [Type.I64] };

export const TRANSLATE: Signature = {
  parameters: [Type.I64, Type.I32, Type.I32],
  results: [Type.I32],
};

/** What `translate` answers for an address that has no translation: nothing that is between pages. */
export const NOT_TRANSLATED = 1;

export interface Support {
  /** Executes from PC for as long as there are functions. @returns an exit code; PC is in the state block */
  dispatch(): number;
  translate: WebAssembly.ExportValue;
  multiplyHigh: WebAssembly.ExportValue;
  multiplyHighUnsigned: WebAssembly.ExportValue;
  multiplyHighMixed: WebAssembly.ExportValue;
}

/** What the budget is charged for entering a region, whatever path is taken. */
const ENTRY_COST = 16;

/** An entry of a jump cache: an address, a table index, and how often it may still be entered. */
export const JUMP_ENTRY_BYTES = 16;
/** Entries of a set: what is entered often of a large program finds room, whatever its addresses are. */
export const JUMP_WAYS = 4;
const JUMP_SET_SHIFT = 6;
/** Instructions on vectors: an entry is as long as one. */
const V128_LOAD = 0x00, V128_STORE = 0x0b;
/** What has an address's set, as bytes, in (address ^ address >>> JUMP_FOLD) << JUMP_SCALE. */
const JUMP_SET_MASK = JUMP_ENTRIES / JUMP_WAYS - 1 << JUMP_SET_SHIFT;
/** Functions begin at multiples of 16 or so: higher bits tell them apart better than low ones alone. */
const JUMP_FOLD = 13, JUMP_SCALE = JUMP_SET_SHIFT - 1;

/** Where in a jump cache the set of an address is. @param low half of the address @returns bytes */
export function jumpSet(low: number): number {
  return (low ^ low >>> JUMP_FOLD) << JUMP_SCALE & JUMP_SET_MASK;
}

function dispatcher(state: number): Code {
  const code = new Code(0);
  const pc = code.local(Type.I64), entry = code.local(Type.I32), jumps = code.local(Type.I32);
  const other = code.local(Type.I32), low = code.local(Type.I32), left = code.local(Type.I32);
  const budget = code.local(Type.I32);
  const stopIf = (exit: number) => {
    code.expect(false).all([W.if, VOID]);
    code.i32(0).get(pc).memory(W.i64_store, state + State.PC);
    code.i32(exitCode(exit)).op(W.return, W.end);
  };
  code.i32(0).memory(W.i64_load, state + State.PC).set(pc);
  code.i32(0).memory(W.i32_load, state + State.JUMPS).set(jumps);
  code.all([W.loop, 0x40]);
  code.get(pc).op(W.i32_wrap_i64).tee(low).get(low).i32(JUMP_FOLD).op(W.i32_shr_u, W.i32_xor);
  code.i32(JUMP_SCALE).op(W.i32_shl).i32(JUMP_SET_MASK).op(W.i32_and);
  code.get(jumps).op(W.i32_add).tee(entry);
  code.memory(W.i64_load, 0).get(pc).op(W.i64_ne);
  code.expect(false).all([W.if, VOID]);
  for (let way = 1; way < JUMP_WAYS; way++) {
    if (way > 1) code.expect(false).all([W.if, VOID]);
    code.get(entry).i32(way * JUMP_ENTRY_BYTES).op(W.i32_add).tee(other);
    code.memory(W.i64_load, 0).get(pc).op(W.i64_ne);
  }
  stopIf(LOOK_UP);
  for (let way = 2; way < JUMP_WAYS; way++) code.op(W.end);
  // What was entered last is found first.
  code.get(entry).get(other).vector(V128_LOAD).all([0, 0]);
  code.get(other).get(entry).vector(V128_LOAD).all([0, 0]);
  code.vector(V128_STORE).all([0, 0]).vector(V128_STORE).all([0, 0]);
  code.op(W.end);
  code.i32(0).i32(0).memory(W.i32_load, state + State.BUDGET).i32(ENTRY_COST).op(W.i32_sub);
  code.tee(budget).memory(W.i32_store, state + State.BUDGET);
  code.get(budget).i32(0).op(W.i32_lt_s);
  stopIf(StopReason.BUDGET);
  code.get(entry).get(entry).memory(W.i32_load, 12).i32(1).op(W.i32_sub).tee(left);
  code.memory(W.i32_store, 12).get(left).op(W.i32_eqz);
  stopIf(HEATED);
  code.get(pc).get(entry).memory(W.i32_load, 8).all([W.call_indirect, 0, 0]).tee(pc);
  code.op(W.i32_wrap_i64).i32(1).op(W.i32_and).op(W.i32_eqz).branch(W.br_if, 0);
  code.op(W.end);
  return code.get(pc).op(W.i32_wrap_i64);
}

/** Sets `entry` to what the translation table has for an address. Pushes whether it allows an access. */
function lookUp(code: Code, state: number, address: () => void, access: number, entry: number) {
  address();
  code.op(W.i32_wrap_i64).i32(PAGE_SHIFT - 3).op(W.i32_shr_u);
  code.i32((TRANSLATION_ENTRIES - 1) << 3).op(W.i32_and);
  code.i32(0).memory(W.i32_load, state + State.TRANSLATIONS).op(W.i32_add);
  code.memory(W.i64_load, 0).tee(entry);
  // The upper halves agree, and the access is allowed.
  address();
  code.op(W.i64_xor).i64(32n).op(W.i64_shr_u, W.i64_eqz);
  code.get(entry).op(W.i32_wrap_i64).get(access).op(W.i32_and).get(access).op(W.i32_eq, W.i32_and);
}

/**
 * (address, size, access) -> what leads from the address to its place, or NOT_TRANSLATED: checks entries of
 * the table as translation_table.ts says, but takes addresses that are not aligned. What lies on two pages
 * has a place only if their frames are neighbours too. `State.APART` says that there is none.
 */
function translator(state: number): Code {
  const code = new Code(3);
  const [address, size, access] = [0, 1, 2];
  const entry = code.local(Type.I64), other = code.local(Type.I64);
  const delta = (of: number) => code.get(of).op(W.i32_wrap_i64).i32(-PAGE_BYTES).op(W.i32_and);
  const found = () => void delta(entry).op(W.return, W.end);
  lookUp(code, state, () => code.get(address), access, entry);
  code.all([W.if, VOID]);
  code.get(address).op(W.i32_wrap_i64).i32(PAGE_BYTES - 1).op(W.i32_and);
  code.get(size).op(W.i32_add).i32(PAGE_BYTES).op(W.i32_le_s).all([W.if, VOID]);
  found();
  const last = () => {
    code.get(address).get(size).i32(1).op(W.i32_sub, W.i64_extend_i32_u, W.i64_add);
  };
  lookUp(code, state, last, access, other);
  code.all([W.if, VOID]);
  delta(entry);
  delta(other).op(W.i32_eq).all([W.if, VOID]);
  found();
  code.op(W.end, W.end);
  code.i32(0).i32(1).memory(W.i32_store, state + State.APART);
  return code.i32(NOT_TRANSLATED);
}

/** The upper half of the product of two unsigned numbers, from four products of halves. */
function multiplyHighUnsigned(): Code {
  const code = new Code(2);
  const [a, b] = [0, 1];
  const middle = code.local(Type.I64), other = code.local(Type.I64);
  const low = (local: number) => code.get(local).i64(0xffff_ffffn).op(W.i64_and);
  const high = (local: number) => code.get(local).i64(32n).op(W.i64_shr_u);
  // middle = high(a) * low(b) + (low(a) * low(b) >> 32)
  high(a);
  low(b);
  code.op(W.i64_mul);
  low(a);
  low(b);
  code.op(W.i64_mul).i64(32n).op(W.i64_shr_u, W.i64_add).set(middle);
  // other = low(a) * high(b) + low(middle)
  low(a);
  high(b);
  code.op(W.i64_mul);
  low(middle);
  code.op(W.i64_add).set(other);
  high(a);
  high(b);
  code.op(W.i64_mul);
  high(middle);
  code.op(W.i64_add);
  high(other);
  return code.op(W.i64_add);
}

/** @param bothSigned or only the first operand */
function multiplyHigh(bothSigned: boolean, unsigned: number): Code {
  const code = new Code(2);
  const [a, b] = [0, 1];
  const correct = (sign: number, operand: number) =>
    code.get(sign).i64(63n).op(W.i64_shr_s).get(operand).op(W.i64_and, W.i64_sub);
  code.get(a).get(b).callIndex(unsigned);
  correct(a, b);
  if (bothSigned) correct(b, a);
  return code;
}

export function makeSupport(memory: HartMemory, table: WebAssembly.Table): Support {
  const pair: Signature = { parameters: [Type.I64, Type.I64], results: [Type.I64] };
  const module = new ModuleEncoder().encode({
    types: [REGION, { parameters: [], results: [Type.I32] }, pair, TRANSLATE],
    imports: [],
    table: true,
    functions: [
      { type: 1, code: dispatcher(memory.state), exported: "dispatch" },
      { type: 2, code: multiplyHighUnsigned(), exported: "multiplyHighUnsigned" },
      { type: 2, code: multiplyHigh(true, 1), exported: "multiplyHigh" },
      { type: 2, code: multiplyHigh(false, 1), exported: "multiplyHighMixed" },
      { type: 3, code: translator(memory.state), exported: "translate" },
    ],
  });
  const imports = { e: { memory: memory.memory, table } };
  return new WebAssembly.Instance(new WebAssembly.Module(module), imports)
    .exports as unknown as Support;
}

/** Whether the relaxed multiply-add of this host rounds once. */
export function multiplyAddIsFused(memory: HartMemory): boolean {
  const code = new Code(0);
  const one = 1 + 2 ** -30;
  // (1 + e)(1 + e) - (1 + 2e) is e squared where nothing was rounded before the sum.
  for (const value of [one, one, -(1 + 2 ** -29)]) code.f64(value).vector(0x14);
  code.vector(0x107).vector(0x21).byte(0);
  const module = new ModuleEncoder().encode({
    types: [{ parameters: [], results: [Type.F64] }],
    imports: [],
    table: false,
    functions: [{ type: 0, code, exported: "probe" }],
  });
  if (!WebAssembly.validate(module)) return false;
  const imports = { e: { memory: memory.memory } };
  const { probe } = new WebAssembly.Instance(new WebAssembly.Module(module), imports).exports;
  return (probe as () => number)() === 2 ** -60;
}
