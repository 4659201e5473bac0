// The module that translated code leans on: the dispatcher, which goes from function to function, the lookup
// of addresses in the translation table, and the upper halves of products.
import { type HartMemory, JUMP_ENTRIES } from "../hart_memory.ts";
import { State } from "../state.ts";
import { PAGE_BYTES, PAGE_SHIFT, TRANSLATION_ENTRIES } from "../translation_table.ts";
import { exitCode, HEATED, LOOK_UP } from "./emitter.ts";
import { Code, encodeModule, type Signature, Type, W } from "./wasm_encoder.ts";

/** Type of a region's function: the next address, or an exit code. */
export const REGION: Signature = { parameters: [], results: [Type.I64] };

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

/** Bytes of a jump cache's entry: an address, a table index, and how often it may still be entered. */
export const JUMP_ENTRY_SHIFT = 4;

/** Place of an address's entry in a jump cache. */
export function jumpIndex(low: number): number {
  return low >>> 1 & JUMP_ENTRIES - 1;
}

function dispatcher(state: number): Code {
  const code = new Code(0);
  const pc = code.local(Type.I64), entry = code.local(Type.I32), jumps = code.local(Type.I32);
  const left = code.local(Type.I32);
  code.i32(0).memory(W.i64_load, state + State.PC).set(pc);
  code.i32(0).memory(W.i32_load, state + State.JUMPS).set(jumps);
  code.all([W.loop, 0x40]);
  code.get(pc).op(W.i32_wrap_i64).i32(1).op(W.i32_shr_u).i32(JUMP_ENTRIES - 1).op(W.i32_and);
  code.i32(JUMP_ENTRY_SHIFT).op(W.i32_shl).get(jumps).op(W.i32_add).tee(entry);
  code.memory(W.i64_load, 0).get(pc).op(W.i64_ne);
  code.all([W.if, 0x40]);
  code.i32(0).get(pc).memory(W.i64_store, state + State.PC);
  code.i32(exitCode(LOOK_UP)).op(W.return);
  code.op(W.end);
  code.get(entry).get(entry).memory(W.i32_load, 12).i32(1).op(W.i32_sub).tee(left);
  code.memory(W.i32_store, 12).get(left).op(W.i32_eqz).expect(false).all([W.if, 0x40]);
  code.i32(0).get(pc).memory(W.i64_store, state + State.PC);
  code.i32(exitCode(HEATED)).op(W.return);
  code.op(W.end);
  code.get(entry).memory(W.i32_load, 8).all([W.call_indirect, 0, 0]).tee(pc);
  code.op(W.i32_wrap_i64).i32(1).op(W.i32_and).op(W.i32_eqz).branch(W.br_if, 0);
  code.op(W.end);
  return code.get(pc).op(W.i32_wrap_i64);
}

/**
 * (address, size, access) -> the frame of the address minus its page, or NOT_TRANSLATED: checks an entry of
 * the table as translation_table.ts says, but takes addresses that are not aligned if they stay in the page.
 */
function translator(state: number): Code {
  const code = new Code(3);
  const [address, size, access] = [0, 1, 2];
  const entry = code.local(Type.I64);
  code.get(address).op(W.i32_wrap_i64).i32(PAGE_SHIFT - 3).op(W.i32_shr_u);
  code.i32((TRANSLATION_ENTRIES - 1) << 3).op(W.i32_and);
  code.i32(0).memory(W.i32_load, state + State.TRANSLATIONS).op(W.i32_add);
  code.memory(W.i64_load, 0).tee(entry);
  // The upper halves agree, and the access is allowed.
  code.get(address).op(W.i64_xor).i64(32n).op(W.i64_shr_u, W.i64_eqz);
  code.get(entry).op(W.i32_wrap_i64).get(access).op(W.i32_and).get(access).op(W.i32_eq, W.i32_and);
  code.get(address).op(W.i32_wrap_i64).i32(PAGE_BYTES - 1).op(W.i32_and);
  code.get(size).op(W.i32_add).i32(PAGE_BYTES + 1).op(W.i32_lt_s, W.i32_and);
  code.all([W.if, Type.I32]);
  code.get(entry).op(W.i32_wrap_i64).i32(-PAGE_BYTES).op(W.i32_and);
  code.op(W.else).i32(NOT_TRANSLATED).op(W.end);
  return code;
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
  code.get(a).get(b).call(unsigned);
  correct(a, b);
  if (bothSigned) correct(b, a);
  return code;
}

export function makeSupport(memory: HartMemory, table: WebAssembly.Table): Support {
  const pair: Signature = { parameters: [Type.I64, Type.I64], results: [Type.I64] };
  const module = encodeModule({
    types: [REGION, { parameters: [], results: [Type.I32] }, pair, TRANSLATE],
    imports: [],
    memoryPages: memory.memory.buffer.byteLength / 65536,
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
export function multiplyAddIsFused(memory: HartMemory, table: WebAssembly.Table): boolean {
  const code = new Code(0);
  const one = 1 + 2 ** -30;
  // (1 + e)(1 + e) - (1 + 2e) is e squared where nothing was rounded before the sum.
  for (const value of [one, one, -(1 + 2 ** -29)]) code.f64(value).vector(0x14);
  code.vector(0x107).vector(0x21).byte(0);
  const module = encodeModule({
    types: [{ parameters: [], results: [Type.F64] }],
    imports: [],
    memoryPages: memory.memory.buffer.byteLength / 65536,
    functions: [{ type: 0, code, exported: "probe" }],
  });
  if (!WebAssembly.validate(module)) return false;
  const imports = { e: { memory: memory.memory, table } };
  const { probe } = new WebAssembly.Instance(new WebAssembly.Module(module), imports).exports;
  return (probe as () => number)() === 2 ** -60;
}
