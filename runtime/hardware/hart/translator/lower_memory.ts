// Loads, stores and atomics as WebAssembly. For each base register the page of its last access is remembered,
// and where that is: in locals of a region that loops, in the state block for others. Another page is looked
// up in the translation table (support.ts). What is not to be found there, or crosses pages, the interpreter
// does.
import { Access, type Access as Kind } from "../engine.ts";
import type { Operation } from "../instruction.ts";
import { NO_PAGE, State } from "../state.ts";
import { PAGE_BYTES, PAGE_SHIFT, TRANSLATION_ENTRIES } from "../translation_table.ts";
import { type Emitter, Imported, INTERPRET } from "./emitter.ts";
import type { Lower } from "./lower_integer.ts";
import { NOT_TRANSLATED } from "./support.ts";
import { Type, W } from "./wasm_encoder.ts";

const HIGH = 0xffff_ffff_0000_0000n;
const PAGE = -4096n;
const SP = 2;
const ENTRY_SHIFT = 3;
const ENTRY_MASK = (TRANSLATION_ENTRIES - 1) << ENTRY_SHIFT;

/** Locals with the page that a base register accessed last, and what leads from there to its frame. */
interface Remembered {
  page: number;
  delta: number;
}

function remembered(e: Emitter, register: number, access: Kind): Remembered {
  const name = `${register} ${access}`;
  return {
    page: e.scratch(`page of ${name}`, Type.I64, BigInt(NO_PAGE)),
    delta: e.scratch(`delta of ${name}`, Type.I32),
  };
}

/** Sets the local "address" to rs1 + imm. */
function address(e: Emitter): number {
  const { rs1, imm } = e.instruction;
  const local = e.scratch("address", Type.I64);
  e.x(rs1);
  if (imm !== 0) e.code.i64(imm).op(W.i64_add);
  e.code.set(local);
  return local;
}

/** Pushes where an access of `size` bytes at rs1 + imm goes. */
function place(e: Emitter, size: number, access: Kind): void {
  const { code } = e;
  const { rs1 } = e.instruction;
  const at = address(e);
  if (e.accessedOnce) {
    const delta = e.scratch("delta", Type.I32);
    lookUp(e, at, size, access, delta);
    code.get(at).op(W.i32_wrap_i64).get(delta).op(W.i32_add);
    return;
  }
  // The stack is written sooner or later: one page is remembered for both.
  const kind = rs1 === SP ? Access.WRITE : access;
  if (!e.loops) return placeKept(e, at, size, kind);
  const { page, delta } = remembered(e, rs1, kind);
  code.get(at).i64(PAGE | BigInt(size - 1)).op(W.i64_and).get(page).op(W.i64_ne);
  e.openExpecting(false);
  lookUp(e, at, size, kind, delta);
  code.get(at).i64(PAGE).op(W.i64_and).set(page);
  e.close();
  code.get(at).op(W.i32_wrap_i64).get(delta).op(W.i32_add);
}

/** As `place`, where the region is short: what is remembered stays in the state block between regions. */
function placeKept(e: Emitter, at: number, size: number, access: Kind): void {
  const { code } = e;
  const kept = State.PAGES + e.instruction.rs1 * 32 + (access === Access.WRITE ? 16 : 0);
  const delta = e.scratch("delta", Type.I32);
  code.get(at).i64(PAGE | BigInt(size - 1)).op(W.i64_and);
  e.loadState(W.i64_load, kept);
  code.op(W.i64_ne);
  e.openExpecting(false);
  lookUp(e, at, size, access, delta);
  e.storeState(W.i64_store, kept, () => code.get(at).i64(PAGE).op(W.i64_and));
  e.storeState(W.i32_store, kept + 8, () => code.get(delta));
  e.close();
  code.get(at).op(W.i32_wrap_i64);
  e.loadState(W.i32_load, kept + 8);
  code.op(W.i32_add);
}

/** Sets `delta` to what leads from an address to its place, from its entry in the translation table. */
function lookUp(e: Emitter, at: number, size: number, access: Kind, delta: number): void {
  const { code } = e;
  if (e.compact) {
    translate(e, at, size, access);
    code.tee(delta).i32(NOT_TRANSLATED).op(W.i32_eq);
    e.openExpecting(false);
    e.bail(INTERPRET);
    e.close();
    return;
  }
  const entry = e.scratch("entry", Type.I64);
  const low = BigInt(size - 1), allowed = BigInt(access);
  code.get(at).op(W.i32_wrap_i64).i32(PAGE_SHIFT - ENTRY_SHIFT).op(W.i32_shr_u);
  code.i32(ENTRY_MASK).op(W.i32_and).get(e.table).op(W.i32_add);
  code.memory(W.i64_load, 0).tee(entry).op(W.i32_wrap_i64).i32(-PAGE_BYTES).op(W.i32_and);
  code.set(delta);
  code.get(entry).get(at).i64(HIGH | low).op(W.i64_and, W.i64_xor);
  code.i64(HIGH | low | allowed).op(W.i64_and).i64(allowed).op(W.i64_ne);
  e.openExpecting(false);
  // Not aligned, or not there.
  translate(e, at, size, access);
  code.tee(delta).i32(NOT_TRANSLATED).op(W.i32_eq);
  e.openExpecting(false);
  e.bail(INTERPRET);
  e.close();
  e.close();
}

/** Pushes what leads from an address to its place, or NOT_TRANSLATED. */
function translate(e: Emitter, at: number, size: number, access: Kind): void {
  e.code.get(at).i32(size).i32(access).call(Imported.TRANSLATE);
}

function load(size: number, opcode: number): Lower {
  return (e) => {
    place(e, size, Access.READ);
    e.code.memory(opcode, 0);
    e.setX(e.instruction.rd);
  };
}

/** @param pushValue pushes the value, 64 bits */
function store(size: number, opcode: number, pushValue: (e: Emitter) => void): Lower {
  return (e) => {
    place(e, size, Access.WRITE);
    pushValue(e);
    e.code.memory(opcode, 0);
  };
}

const integerValue = (e: Emitter) => void e.x(e.instruction.rs2);
const floatValue = (e: Emitter) => void e.f(e.instruction.rs2).code.op(W.i64_reinterpret_f64);

/** The place of an atomic access in a local; what is not at hand, or not aligned, the interpreter does. */
function atomicPlace(e: Emitter, size: number, access: Kind): number {
  const { code } = e;
  const at = e.scratch("address", Type.I64), found = e.scratch("place", Type.I32);
  e.x(e.instruction.rs1).code.set(at);
  translate(e, at, size, access);
  code.tee(found).i32(NOT_TRANSLATED).op(W.i32_eq);
  code.get(at).i64(BigInt(size - 1)).op(W.i64_and, W.i64_eqz, W.i32_eqz, W.i32_or);
  e.openExpecting(false);
  e.bail(INTERPRET);
  e.close();
  code.get(found).get(at).op(W.i32_wrap_i64, W.i32_add).set(found);
  return found;
}

function loadOpcode(size: number): number {
  return size === 4 ? W.i64_load32_s : W.i64_load;
}
function storeOpcode(size: number): number {
  return size === 4 ? W.i64_store32 : W.i64_store;
}

function loadReserved(size: number): Lower {
  return (e) => {
    const { code } = e;
    const found = atomicPlace(e, size, Access.READ);
    const value = e.scratch("old", Type.I64);
    code.get(found).memory(loadOpcode(size), 0).set(value);
    e.storeState(W.i64_store, State.RESERVATION, () => e.x(e.instruction.rs1));
    e.storeState(W.i64_store, State.RESERVED_VALUE, () => code.get(value));
    code.get(value);
    e.setX(e.instruction.rd);
  };
}

function storeConditional(size: number): Lower {
  return (e) => {
    const { code } = e;
    const { rd, rs1, rs2 } = e.instruction;
    const found = atomicPlace(e, size, Access.WRITE);
    e.loadState(W.i64_load, State.RESERVATION);
    e.x(rs1).code.op(W.i64_eq);
    code.get(found).memory(loadOpcode(size), 0);
    e.loadState(W.i64_load, State.RESERVED_VALUE);
    code.op(W.i64_eq, W.i32_and);
    e.open(W.if, Type.I64);
    code.get(found);
    e.x(rs2).code.memory(storeOpcode(size), 0).i64(0n);
    e.otherwise();
    code.i64(1n);
    e.close();
    e.setX(rd);
    e.storeState(W.i64_store, State.RESERVATION, () => code.i64(-1n));
  };
}

/** @param combine pushes the new value of the old one and rs2 */
function atomic(size: number, combine: (e: Emitter, old: number, operand: number) => void): Lower {
  return (e) => {
    const { code } = e;
    const { rd, rs2 } = e.instruction;
    const found = atomicPlace(e, size, Access.WRITE);
    const old = e.scratch("old", Type.I64), operand = e.scratch("operand", Type.I64);
    e.x(rs2);
    if (size === 4) code.op(W.i64_extend32_s);
    code.set(operand);
    code.get(found).memory(loadOpcode(size), 0).set(old);
    code.get(found);
    combine(e, old, operand);
    code.memory(storeOpcode(size), 0).get(old);
    e.setX(rd);
  };
}

function binary(opcode: number) {
  return ({ code }: Emitter, old: number, operand: number) => {
    code.get(old).get(operand).op(opcode);
  };
}
function choice(opcode: number) {
  return ({ code }: Emitter, old: number, operand: number) => {
    code.get(old).get(operand).get(old).get(operand).op(opcode, W.select);
  };
}

const combinations = {
  swap: ({ code }: Emitter, _old: number, operand: number) => void code.get(operand),
  add: binary(W.i64_add),
  xor: binary(W.i64_xor),
  and: binary(W.i64_and),
  or: binary(W.i64_or),
  min: choice(W.i64_lt_s),
  max: choice(W.i64_gt_s),
  minu: choice(W.i64_lt_u),
  maxu: choice(W.i64_gt_u),
};

export const memoryLowering: Partial<Record<Operation, Lower>> = {
  lb: load(1, W.i64_load8_s),
  lbu: load(1, W.i64_load8_u),
  lh: load(2, W.i64_load16_s),
  lhu: load(2, W.i64_load16_u),
  lw: load(4, W.i64_load32_s),
  lwu: load(4, W.i64_load32_u),
  ld: load(8, W.i64_load),
  fld: (e) => {
    place(e, 8, Access.READ);
    e.code.memory(W.f64_load, 0);
    e.setF(e.instruction.rd);
  },
  flw: (e) => {
    place(e, 4, Access.READ);
    e.code.memory(W.i64_load32_u, 0).i64(HIGH).op(W.i64_or, W.f64_reinterpret_i64);
    e.setF(e.instruction.rd);
  },
  sb: store(1, W.i64_store8, integerValue),
  sh: store(2, W.i64_store16, integerValue),
  sw: store(4, W.i64_store32, integerValue),
  sd: store(8, W.i64_store, integerValue),
  fsw: store(4, W.i64_store32, floatValue),
  fsd: store(8, W.i64_store, floatValue),
  lr_w: loadReserved(4),
  lr_d: loadReserved(8),
  sc_w: storeConditional(4),
  sc_d: storeConditional(8),
  ...Object.fromEntries(
    Object.entries(combinations).flatMap(([name, combine]) => [
      [`amo${name}_w`, atomic(4, combine)],
      [`amo${name}_d`, atomic(8, combine)],
    ]),
  ),
};
