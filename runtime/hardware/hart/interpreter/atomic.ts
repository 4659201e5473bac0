// The "A" extension. One hart at a time touches this memory, so every access is atomic; reservations are by
// address and value (state.ts), so that they hold across whatever stops the hart.
import { Access, StopReason } from "../engine.ts";
import type { Operation } from "../instruction.ts";
import { State } from "../state.ts";
import { type Execute, type Machine, put, put32 } from "./machine.ts";
import { lessSigned, lessUnsigned } from "./order.ts";

/** Place of an atomic access in `words`, or the negative of why it has none. */
function atomicPlace(machine: Machine, a: number, size: number, access: Access): number {
  const w = machine.words;
  if ((w[a] & size - 1) !== 0) {
    machine.access.fault(w[a], w[a + 1], access);
    return -StopReason.MISALIGNED;
  }
  const at = machine.access.place(w[a], w[a + 1], access);
  return at < 0 ? -StopReason.PAGE_FAULT : at / 4;
}

function loadReserved(size: 4 | 8): Execute {
  return (machine, { d, a }) => {
    const at = atomicPlace(machine, a, size, Access.READ);
    if (at < 0) return -at;
    const { words: w, state } = machine;
    const low = w[at], high = size === 8 ? w[at + 1] : low >> 31;
    const reservation = state + (State.RESERVATION >> 2);
    put(w, reservation, w[a], w[a + 1]);
    put(w, state + (State.RESERVED_VALUE >> 2), low, high);
    return put(w, d, low, high);
  };
}

/** Succeeds where the reservation is for the same address, and memory still holds what LR loaded. */
function storeConditional(size: 4 | 8): Execute {
  return (machine, { d, a, b }) => {
    const { words: w, state } = machine;
    const reservation = state + (State.RESERVATION >> 2);
    const value = state + (State.RESERVED_VALUE >> 2);
    const at = atomicPlace(machine, a, size, Access.WRITE);
    if (at < 0) return -at;
    const reserved = w[reservation] === w[a] && w[reservation + 1] === w[a + 1];
    put(w, reservation, -1, -1);
    const high = size === 8 ? w[at + 1] : w[at] >> 31;
    const same = w[at] === w[value] && high === w[value + 1];
    if (!reserved || !same) return put(w, d, 1, 0);
    w[at] = w[b];
    if (size === 8) w[at + 1] = w[b + 1];
    return put(w, d, 0, 0);
  };
}

/** What operations on words leave in memory. */
const onWords: Record<string, (a: number, b: number) => number> = {
  swap: (_a, b) => b,
  add: (a, b) => a + b,
  xor: (a, b) => a ^ b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  min: (a, b) => a < b ? a : b,
  max: (a, b) => a < b ? b : a,
  minu: (a, b) => a >>> 0 < b >>> 0 ? a : b,
  maxu: (a, b) => a >>> 0 < b >>> 0 ? b : a,
};

type Pair = (w: Int32Array, at: number, al: number, ah: number, bl: number, bh: number) => void;

/** The smaller or the greater of two pairs. */
function chosen(less: typeof lessSigned, smaller: boolean): Pair {
  return (w, at, al, ah, bl, bh) => {
    const first = less(al, ah, bl, bh) === smaller;
    put(w, at, first ? al : bl, first ? ah : bh);
  };
}

/** The same on pairs of words, which they write to memory themselves. */
const onPairs: Record<string, Pair> = {
  swap: (w, at, _al, _ah, bl, bh) => put(w, at, bl, bh),
  add: (w, at, al, ah, bl, bh) => {
    const low = al + bl | 0;
    put(w, at, low, ah + bh + (low >>> 0 < al >>> 0 ? 1 : 0));
  },
  xor: (w, at, al, ah, bl, bh) => put(w, at, al ^ bl, ah ^ bh),
  and: (w, at, al, ah, bl, bh) => put(w, at, al & bl, ah & bh),
  or: (w, at, al, ah, bl, bh) => put(w, at, al | bl, ah | bh),
  min: chosen(lessSigned, true),
  max: chosen(lessSigned, false),
  minu: chosen(lessUnsigned, true),
  maxu: chosen(lessUnsigned, false),
};

function atomicWord(combine: (a: number, b: number) => number): Execute {
  return (machine, { d, a, b }) => {
    // What is not writable faults as a write, whatever may be read.
    const at = atomicPlace(machine, a, 4, Access.WRITE);
    if (at < 0) return -at;
    const w = machine.words, old = w[at];
    w[at] = combine(old, w[b]);
    return put32(w, d, old);
  };
}

function atomicPair(combine: Pair): Execute {
  return (machine, { d, a, b }) => {
    const at = atomicPlace(machine, a, 8, Access.WRITE);
    if (at < 0) return -at;
    const w = machine.words, low = w[at], high = w[at + 1];
    combine(w, at, low, high, w[b], w[b + 1]);
    return put(w, d, low, high);
  };
}

export const atomicOperations: Partial<Record<Operation, Execute>> = {
  lr_w: loadReserved(4),
  lr_d: loadReserved(8),
  sc_w: storeConditional(4),
  sc_d: storeConditional(8),
  ...Object.fromEntries([
    ...Object.entries(onWords).map(([name, combine]) => [`amo${name}_w`, atomicWord(combine)]),
    ...Object.entries(onPairs).map(([name, combine]) => [`amo${name}_d`, atomicPair(combine)]),
  ]),
};
