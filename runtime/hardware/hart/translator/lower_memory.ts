// Loads, stores and atomics as WebAssembly: an address is looked up in the translation table. What is not to
// be found there, is not aligned, or lies on pages that are apart, the interpreter does. Accesses that go by
// the same value of a base register are looked up together; in a loop that holds its registers the page that
// a base register accessed last is held, too.
import { Access, type Access as Kind } from "../engine.ts";
import type { Operation } from "../instruction.ts";
import { State } from "../state.ts";
import { PAGE_BYTES, PAGE_SHIFT, TRANSLATION_ENTRIES } from "../translation_table.ts";
import type { AccessGroup } from "./access_groups.ts";
import { type Emitter, Imported } from "./emitter.ts";
import type { Lower } from "./lower_integer.ts";
import { NOT_TRANSLATED } from "./support.ts";
import { Type, W } from "./wasm_opcodes.ts";
import { SP } from "../abi.ts";

const HIGH = 0xffff_ffff_0000_0000n;
const PAGE = -4096n;
/** A remembered page that no address has: what it is compared with has no bit 11. */
const NO_PAGE = 0x800;
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
    page: e.scratch(`page of ${name}`, Type.I64),
    delta: e.scratch(`delta of ${name}`, Type.I32),
  };
}

/** The stack is written sooner or later: one page is remembered for both. */
function kindOf({ base, stores }: AccessGroup): Kind {
  return stores || base === SP ? Access.WRITE : Access.READ;
}

/** Forgets the page that a group of accesses remembers: a loop begins. */
export function forgetPage(e: Emitter, group: AccessGroup): void {
  if (!group.once) e.code.i64(NO_PAGE).set(remembered(e, group.base, kindOf(group)).page);
}

/** Pushes where the instruction's access goes. @returns the distance from there */
function place(e: Emitter): number {
  const { code } = e;
  const { group, offset, first } = e.access!;
  if (group.accesses === 1) {
    find(e, group);
    return offset;
  }
  const local = e.scratch(`place ${group.id}`, Type.I32);
  if (first) {
    find(e, group);
    code.tee(local);
  } else code.get(local);
  return offset;
}

/** Pushes where the lowest byte of a group is. */
function find(e: Emitter, group: AccessGroup): void {
  const { code } = e;
  const at = e.scratch("address", Type.I64);
  e.x(group.base);
  if (group.from !== 0) code.i64(group.from).op(W.i64_add);
  code.set(at);
  const kind = kindOf(group);
  if (group.once || e.registers.held === undefined) {
    const delta = e.scratch("delta", Type.I32);
    lookUp(e, at, group, kind, delta);
    code.get(at).op(W.i32_wrap_i64).get(delta).op(W.i32_add);
    return;
  }
  const { page, delta } = remembered(e, group.base, kind);
  elsewhere(e, at, group, page);
  e.openExpecting(false);
  lookUp(e, at, group, kind, delta);
  code.get(at).i64(PAGE).op(W.i64_and).set(page);
  e.close();
  code.get(at).op(W.i32_wrap_i64).get(delta).op(W.i32_add);
}

/** Pushes whether a group is, or may be, elsewhere than on a page. @param page the local that has it */
function elsewhere(e: Emitter, at: number, group: AccessGroup, page: number): void {
  const { code } = e;
  const { bytes } = group;
  const aligned = group.accesses === 1 ? BigInt(bytes - 1) : 0n;
  code.get(at).i64(PAGE | aligned).op(W.i64_and).get(page).op(W.i64_ne);
  if (group.accesses === 1) return;
  code.get(at).i64(bytes - 1).op(W.i64_add).i64(PAGE).op(W.i64_and).get(page);
  code.op(W.i64_ne, W.i32_or);
}

/** Sets `delta` to what leads from an address to its place, from its entry in the translation table. */
function lookUp(e: Emitter, at: number, group: AccessGroup, access: Kind, delta: number): void {
  const { code } = e;
  const { bytes } = group;
  const entry = e.scratch("entry", Type.I64);
  const single = group.accesses === 1;
  const low = single ? BigInt(bytes - 1) : 0n, allowed = BigInt(access);
  const elsewhere = () => {
    code.get(at).op(W.i32_wrap_i64).i32(PAGE_SHIFT - ENTRY_SHIFT).op(W.i32_shr_u);
    code.i32(ENTRY_MASK).op(W.i32_and).get(e.table).op(W.i32_add);
    code.memory(W.i64_load, 0).tee(entry).get(at).i64(HIGH | low).op(W.i64_and, W.i64_xor);
    code.i64(HIGH | low | allowed).op(W.i64_and).i64(allowed).op(W.i64_ne);
  };
  const setDelta = () => {
    code.get(entry).op(W.i32_wrap_i64).i32(-PAGE_BYTES).op(W.i32_and).set(delta);
  };
  // Not aligned, or not there.
  if (single) {
    e.interpretIf(elsewhere);
    return setDelta();
  }
  const found = e.open(W.block), apart = e.open(W.block);
  elsewhere();
  e.branchIf(apart, false);
  setDelta();
  code.get(at).op(W.i32_wrap_i64).i32(PAGE_BYTES - 1).op(W.i32_and);
  code.i32(PAGE_BYTES - bytes).op(W.i32_le_s);
  e.branchIf(found, true);
  e.close();
  e.interpretIf(() => {
    translate(e, at, bytes, access);
    code.tee(delta).i32(NOT_TRANSLATED).op(W.i32_eq);
  });
  e.close();
}

/** Pushes what leads from an address to its place, or NOT_TRANSLATED. */
function translate(e: Emitter, at: number, size: number, access: Kind): void {
  e.code.get(at).i32(size).i32(access).call(Imported.TRANSLATE);
}

function load(opcode: number): Lower {
  return (e) => {
    e.code.memory(opcode, place(e));
    e.setX(e.instruction.rd);
  };
}

/** @param pushValue pushes the value, 64 bits */
function store(opcode: number, pushValue: (e: Emitter) => void): Lower {
  return (e) => {
    const offset = place(e);
    pushValue(e);
    e.code.memory(opcode, offset);
  };
}

const integerValue = (e: Emitter) => void e.x(e.instruction.rs2);
const floatValue = (e: Emitter) => void e.f(e.instruction.rs2).code.op(W.i64_reinterpret_f64);

/** The place of an atomic access in a local; what is not at hand, or not aligned, the interpreter does. */
function atomicPlace(e: Emitter, size: number, access: Kind): number {
  const { code } = e;
  const at = e.scratch("address", Type.I64), found = e.scratch("place", Type.I32);
  e.x(e.instruction.rs1).code.set(at);
  e.interpretIf(() => {
    translate(e, at, size, access);
    code.tee(found).i32(NOT_TRANSLATED).op(W.i32_eq);
    code.get(at).i64(BigInt(size - 1)).op(W.i64_and, W.i64_eqz, W.i32_eqz, W.i32_or);
  });
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
  lb: load(W.i64_load8_s),
  lbu: load(W.i64_load8_u),
  lh: load(W.i64_load16_s),
  lhu: load(W.i64_load16_u),
  lw: load(W.i64_load32_s),
  lwu: load(W.i64_load32_u),
  ld: load(W.i64_load),
  fld: (e) => {
    e.code.memory(W.f64_load, place(e));
    e.setF(e.instruction.rd);
  },
  flw: (e) => {
    e.code.memory(W.i64_load32_u, place(e)).i64(HIGH).op(W.i64_or, W.f64_reinterpret_i64);
    e.setF(e.instruction.rd);
  },
  sb: store(W.i64_store8, integerValue),
  sh: store(W.i64_store16, integerValue),
  sw: store(W.i64_store32, integerValue),
  sd: store(W.i64_store, integerValue),
  fsw: store(W.i64_store32, floatValue),
  fsd: store(W.i64_store, floatValue),
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
