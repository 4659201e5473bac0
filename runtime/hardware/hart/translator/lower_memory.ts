// Loads, stores and atomics as WebAssembly. Each access looks its page up in the translation table inline
// (translation_table.ts says how an entry is checked); whatever the check refuses goes to slow paths.
import { Access, StopReason } from "../engine.ts";
import type { Operation } from "../instruction.ts";
import { State } from "../state.ts";
import { TRANSLATION_ENTRIES } from "../translation_table.ts";
import { type Emitter, Imported, INTERPRET } from "./emitter.ts";
import type { Lower } from "./lower_integer.ts";
import { Type, W } from "./wasm_encoder.ts";

const HIGH = 0xffff_ffff_0000_0000n;
const PAGE_SHIFT = 12;
const ENTRY_SHIFT = 3;
const ENTRY_MASK = (TRANSLATION_ENTRIES - 1) << ENTRY_SHIFT;

/** The local with the start of the translation table; loaded where a region begins. */
export function tableLocal(e: Emitter): number {
  return e.scratch("table", Type.I32);
}

export function loadTable(e: Emitter): void {
  e.loadState(W.i32_load, State.TRANSLATIONS);
  e.code.set(tableLocal(e));
}

/** Sets the local "address" to rs1 + imm. */
function address(e: Emitter): number {
  const { rs1, imm } = e.instruction;
  const local = e.scratch("address", Type.I64);
  e.x(rs1);
  if (imm !== 0) e.code.i64(BigInt(imm)).op(W.i64_add);
  e.code.set(local);
  return local;
}

/** Pushes whether an access of `size` bytes at a local's address is allowed; leaves the entry in a local. */
function check(e: Emitter, at: number, size: number, access: number): void {
  const { code } = e;
  const entry = e.scratch("entry", Type.I64);
  const low = BigInt(size - 1);
  code.get(at).op(W.i32_wrap_i64).i32(PAGE_SHIFT - ENTRY_SHIFT).op(W.i32_shr_u);
  code.i32(ENTRY_MASK).op(W.i32_and).get(tableLocal(e)).op(W.i32_add);
  code.memory(W.i64_load, 0).tee(entry);
  code.get(at).i64(HIGH | low).op(W.i64_and, W.i64_xor);
  code.i64(HIGH | low | BigInt(access)).op(W.i64_and).i64(BigInt(access)).op(W.i64_eq);
}

/** Pushes where a checked access goes. */
function place(e: Emitter, at: number): void {
  e.code.get(e.scratch("entry", Type.I64)).op(W.i32_wrap_i64).i32(-4096).op(W.i32_and);
  e.code.get(at).op(W.i32_wrap_i64, W.i32_add);
}

function pushHalves(e: Emitter, push: () => void): void {
  push();
  e.code.op(W.i32_wrap_i64);
  push();
  e.code.i64(32n).op(W.i64_shr_u, W.i32_wrap_i64);
}

/** Pushes where the bytes of a load are. */
function loadPlace(e: Emitter, size: number): void {
  const { code } = e;
  const at = address(e);
  check(e, at, size, Access.READ);
  e.openExpecting(true, Type.I32);
  place(e, at);
  e.otherwise();
  pushHalves(e, () => code.get(at));
  const found = e.scratch("place", Type.I32);
  code.i32(size).call(Imported.SLOW_LOAD).tee(found).i32(-1).op(W.i32_eq);
  e.openExpecting(false);
  e.bail(StopReason.PAGE_FAULT);
  e.close();
  code.get(found);
  e.close();
}

function load(size: number, opcode: number): Lower {
  return (e) => {
    loadPlace(e, size);
    e.code.memory(opcode, 0);
    e.setX(e.instruction.rd);
  };
}

/** @param pushValue pushes the value, 64 bits */
function store(size: number, opcode: number, pushValue: (e: Emitter) => void): Lower {
  return (e) => {
    const { code } = e;
    const at = address(e);
    check(e, at, size, Access.WRITE);
    e.openExpecting(true);
    place(e, at);
    pushValue(e);
    code.memory(opcode, 0);
    e.otherwise();
    pushHalves(e, () => code.get(at));
    code.i32(size);
    pushHalves(e, () => pushValue(e));
    code.call(Imported.SLOW_STORE).op(W.i32_eqz);
    e.openExpecting(false);
    e.bail(StopReason.PAGE_FAULT);
    e.close();
    e.close();
  };
}

const integerValue = (e: Emitter) => void e.x(e.instruction.rs2);
const floatValue = (e: Emitter) => void e.f(e.instruction.rs2).code.op(W.i64_reinterpret_f64);

/** The place of an atomic access in a local; what is not at hand, or not aligned, the interpreter does. */
function atomicPlace(e: Emitter, size: number, access: number): number {
  const at = e.scratch("address", Type.I64);
  e.x(e.instruction.rs1).code.set(at);
  check(e, at, size, access);
  e.code.op(W.i32_eqz);
  e.openExpecting(false);
  e.bail(INTERPRET);
  e.close();
  place(e, at);
  const found = e.scratch("place", Type.I32);
  e.code.set(found);
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
    const found = atomicPlace(e, size, Access.READ | Access.WRITE);
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
    const found = atomicPlace(e, size, Access.READ | Access.WRITE);
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
    loadPlace(e, 8);
    e.code.memory(W.f64_load, 0);
    e.setF(e.instruction.rd);
  },
  flw: (e) => {
    loadPlace(e, 4);
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

const touching = new Set(Object.keys(memoryLowering));

/** Whether an operation reaches memory. */
export function reachesMemory(name: Operation): boolean {
  return touching.has(name);
}
