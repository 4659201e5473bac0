// Loads, stores and atomics. A fault leaves every register as it was.
import { Access, StopReason } from "../engine.ts";
import type { Operation } from "../instruction.ts";
import { State } from "../state.ts";
import { type Decoded, type Execute, type Machine, NEXT } from "./machine.ts";

const PAGE_BYTES = 4096;

/** Where a load finds its bytes. @returns -1 after a fault */
function loadFrom(machine: Machine, { a, imm, sign }: Decoded, size: number): number {
  const w = machine.words;
  const low = (w[a] >>> 0) + (imm >>> 0);
  const high = w[a + 1] + sign + (low > 0xffff_ffff ? 1 : 0) | 0;
  return (low & PAGE_BYTES - 1) + size > PAGE_BYTES
    ? machine.access.load(low | 0, high, size)
    : machine.access.place(low | 0, high, Access.READ);
}

function load(
  size: number,
  signed: boolean,
  read: (machine: Machine, at: number) => number,
): Execute {
  return (machine, instruction) => {
    const at = loadFrom(machine, instruction, size);
    if (at < 0) return StopReason.PAGE_FAULT;
    const w = machine.words, value = read(machine, at);
    w[instruction.d] = value;
    w[instruction.d + 1] = signed ? value >> 31 : 0;
    return NEXT;
  };
}

function load64(machine: Machine, instruction: Decoded): number {
  const at = loadFrom(machine, instruction, 8);
  if (at < 0) return StopReason.PAGE_FAULT;
  const { words: w, view } = machine;
  const low = view.getInt32(at, true);
  w[instruction.d + 1] = view.getInt32(at + 4, true);
  w[instruction.d] = low;
  return NEXT;
}

/** flw: the upper word is the box of a single-precision number. */
function loadFloat(machine: Machine, instruction: Decoded): number {
  const at = loadFrom(machine, instruction, 4);
  if (at < 0) return StopReason.PAGE_FAULT;
  machine.words[instruction.d] = machine.view.getInt32(at, true);
  machine.words[instruction.d + 1] = -1;
  return NEXT;
}

function store(size: number): Execute {
  return (machine, { a, b, imm, sign }) => {
    const w = machine.words;
    const low = (w[a] >>> 0) + (imm >>> 0);
    const high = w[a + 1] + sign + (low > 0xffff_ffff ? 1 : 0) | 0;
    return machine.access.store(low | 0, high, size, w[b], w[b + 1]) ? NEXT : StopReason.PAGE_FAULT;
  };
}

/** Address of an atomic access: its place, or the negative of why it has none. */
function atomicPlace(machine: Machine, a: number, size: number, access: Access): number {
  const w = machine.words;
  if ((w[a] & size - 1) !== 0) {
    machine.access.fault(w[a], w[a + 1], access);
    return -StopReason.MISALIGNED;
  }
  const at = machine.access.place(w[a], w[a + 1], access);
  return at < 0 ? -StopReason.PAGE_FAULT : at;
}

function loadReserved(size: 4 | 8): Execute {
  return (machine, { d, a }) => {
    const at = atomicPlace(machine, a, size, Access.READ);
    if (at < 0) return -at;
    const { words: w, state } = machine;
    const low = w[at >> 2], high = size === 8 ? w[(at >> 2) + 1] : low >> 31;
    const reservation = state + (State.RESERVATION >> 2);
    w[reservation] = w[a];
    w[reservation + 1] = w[a + 1];
    w[reservation + 2] = low;
    w[reservation + 3] = high;
    w[d] = low;
    w[d + 1] = high;
    return NEXT;
  };
}

/** Succeeds where the reservation is for the same address, and memory still holds what LR loaded. */
function storeConditional(size: 4 | 8): Execute {
  return (machine, { d, a, b }) => {
    const { words: w, state } = machine;
    const reservation = state + (State.RESERVATION >> 2);
    const reserved = w[reservation] === w[a] && w[reservation + 1] === w[a + 1];
    const at = atomicPlace(machine, a, size, Access.WRITE);
    if (at < 0) return -at;
    w[reservation] = w[reservation + 1] = -1;
    const low = w[at >> 2], high = size === 8 ? w[(at >> 2) + 1] : low >> 31;
    const done = reserved && low === w[reservation + 2] && high === w[reservation + 3];
    if (done) {
      w[at >> 2] = w[b];
      if (size === 8) w[(at >> 2) + 1] = w[b + 1];
    }
    w[d] = done ? 0 : 1;
    w[d + 1] = 0;
    return NEXT;
  };
}

/** Both halves of what an atomic operation leaves in memory. */
type Combine = (al: number, ah: number, bl: number, bh: number) => [low: number, high: number];

function less(al: number, ah: number, bl: number, bh: number): boolean {
  return ah < bh || ah === bh && al >>> 0 < bl >>> 0;
}
const MIN = -0x8000_0000;

const combinations: Record<string, Combine> = {
  swap: (_al, _ah, bl, bh) => [bl, bh],
  add: (al, ah, bl, bh) => {
    const low = (al >>> 0) + (bl >>> 0);
    return [low | 0, ah + bh + (low > 0xffff_ffff ? 1 : 0) | 0];
  },
  xor: (al, ah, bl, bh) => [al ^ bl, ah ^ bh],
  and: (al, ah, bl, bh) => [al & bl, ah & bh],
  or: (al, ah, bl, bh) => [al | bl, ah | bh],
  min: (al, ah, bl, bh) => less(al, ah, bl, bh) ? [al, ah] : [bl, bh],
  max: (al, ah, bl, bh) => less(al, ah, bl, bh) ? [bl, bh] : [al, ah],
  minu: (al, ah, bl, bh) => less(al, ah ^ MIN, bl, bh ^ MIN) ? [al, ah] : [bl, bh],
  maxu: (al, ah, bl, bh) => less(al, ah ^ MIN, bl, bh ^ MIN) ? [bl, bh] : [al, ah],
};

function atomic(size: 4 | 8, combine: Combine): Execute {
  return (machine, { d, a, b }) => {
    // What is not writable faults as a write, whatever may be read.
    const at = atomicPlace(machine, a, size, Access.WRITE);
    if (at < 0) return -at;
    const w = machine.words, place = at >> 2;
    const low = w[place], high = size === 8 ? w[place + 1] : low >> 31;
    const bl = w[b], bh = size === 8 ? w[b + 1] : bl >> 31;
    const [newLow, newHigh] = combine(low, high, bl, bh);
    w[place] = newLow;
    if (size === 8) w[place + 1] = newHigh;
    w[d] = low;
    w[d + 1] = high;
    return NEXT;
  };
}

export const memoryOperations: Partial<Record<Operation, Execute>> = {
  lb: load(1, true, ({ view }, at) => view.getInt8(at)),
  lh: load(2, true, ({ view }, at) => view.getInt16(at, true)),
  lw: load(4, true, ({ view }, at) => view.getInt32(at, true)),
  ld: load64,
  lbu: load(1, false, ({ view }, at) => view.getUint8(at)),
  lhu: load(2, false, ({ view }, at) => view.getUint16(at, true)),
  lwu: load(4, false, ({ view }, at) => view.getInt32(at, true)),
  flw: loadFloat,
  fld: load64,
  sb: store(1),
  sh: store(2),
  sw: store(4),
  sd: store(8),
  fsw: store(4),
  fsd: store(8),
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
