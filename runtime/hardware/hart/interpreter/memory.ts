// Loads and stores. A fault leaves every register as it was.
import { Access, StopReason } from "../engine.ts";
import type { Operation } from "../instruction.ts";
import { PAGE_BYTES } from "../translation_table.ts";
import { type Decoded, type Execute, type Machine, NEXT, put, put32 } from "./machine.ts";

/** Where an access that may lie on two pages goes. */
const ANYWHERE = -2;

/** Where an access goes. @returns ANYWHERE where it crosses a page, -1 after a fault */
function place(machine: Machine, { a, imm, sign }: Decoded, size: number, access: Access): number {
  const w = machine.words;
  const base = w[a], low = base + imm | 0;
  if ((low & PAGE_BYTES - 1) > PAGE_BYTES - size) return ANYWHERE;
  const high = w[a + 1] + sign + (low >>> 0 < base >>> 0 ? 1 : 0) | 0;
  return machine.access.place(low, high, access);
}

/** Where the bytes of a load are. @returns -1 after a fault */
function source(machine: Machine, instruction: Decoded, size: number): number {
  const at = place(machine, instruction, size, Access.READ);
  return at === ANYWHERE ? sourceAnywhere(machine, instruction, size) : at;
}

function sourceAnywhere(machine: Machine, { a, imm, sign }: Decoded, size: number): number {
  const w = machine.words;
  const low = w[a] + imm | 0;
  const high = w[a + 1] + sign + (low >>> 0 < w[a] >>> 0 ? 1 : 0) | 0;
  return machine.access.load(low, high, size);
}

/** A store that lies on two pages. */
function storeAnywhere(machine: Machine, { a, b, imm, sign }: Decoded, size: number): number {
  const w = machine.words;
  const low = w[a] + imm | 0;
  const high = w[a + 1] + sign + (low >>> 0 < w[a] >>> 0 ? 1 : 0) | 0;
  return machine.access.store(low, high, size, w[b], w[b + 1]) ? NEXT : StopReason.PAGE_FAULT;
}

const load64: Execute = (machine, instruction) => {
  const at = source(machine, instruction, 8);
  if (at < 0) return StopReason.PAGE_FAULT;
  const { words, view } = machine;
  return put(words, instruction.d, view.getInt32(at, true), view.getInt32(at + 4, true));
};
const store32: Execute = (machine, instruction) => {
  const at = place(machine, instruction, 4, Access.WRITE);
  if (at < 0) {
    return at === ANYWHERE ? storeAnywhere(machine, instruction, 4) : StopReason.PAGE_FAULT;
  }
  machine.view.setInt32(at, machine.words[instruction.b], true);
  return NEXT;
};
const store64: Execute = (machine, instruction) => {
  const at = place(machine, instruction, 8, Access.WRITE);
  if (at < 0) {
    return at === ANYWHERE ? storeAnywhere(machine, instruction, 8) : StopReason.PAGE_FAULT;
  }
  const { words, view } = machine;
  view.setInt32(at, words[instruction.b], true);
  view.setInt32(at + 4, words[instruction.b + 1], true);
  return NEXT;
};

export const memoryOperations: Partial<Record<Operation, Execute>> = {
  lb: (machine, instruction) => {
    const at = source(machine, instruction, 1);
    if (at < 0) return StopReason.PAGE_FAULT;
    return put32(machine.words, instruction.d, machine.view.getInt8(at));
  },
  lh: (machine, instruction) => {
    const at = source(machine, instruction, 2);
    if (at < 0) return StopReason.PAGE_FAULT;
    return put32(machine.words, instruction.d, machine.view.getInt16(at, true));
  },
  lw: (machine, instruction) => {
    const at = source(machine, instruction, 4);
    if (at < 0) return StopReason.PAGE_FAULT;
    return put32(machine.words, instruction.d, machine.view.getInt32(at, true));
  },
  lbu: (machine, instruction) => {
    const at = source(machine, instruction, 1);
    if (at < 0) return StopReason.PAGE_FAULT;
    return put(machine.words, instruction.d, machine.view.getUint8(at), 0);
  },
  lhu: (machine, instruction) => {
    const at = source(machine, instruction, 2);
    if (at < 0) return StopReason.PAGE_FAULT;
    return put(machine.words, instruction.d, machine.view.getUint16(at, true), 0);
  },
  lwu: (machine, instruction) => {
    const at = source(machine, instruction, 4);
    if (at < 0) return StopReason.PAGE_FAULT;
    return put(machine.words, instruction.d, machine.view.getInt32(at, true), 0);
  },
  // The upper word is the box of a single-precision number.
  flw: (machine, instruction) => {
    const at = source(machine, instruction, 4);
    if (at < 0) return StopReason.PAGE_FAULT;
    return put(machine.words, instruction.d, machine.view.getInt32(at, true), -1);
  },
  ...{ ld: load64, fld: load64 },
  sb: (machine, instruction) => {
    const at = place(machine, instruction, 1, Access.WRITE);
    if (at < 0) return StopReason.PAGE_FAULT;
    machine.view.setInt8(at, machine.words[instruction.b]);
    return NEXT;
  },
  sh: (machine, instruction) => {
    const at = place(machine, instruction, 2, Access.WRITE);
    if (at < 0) {
      return at === ANYWHERE ? storeAnywhere(machine, instruction, 2) : StopReason.PAGE_FAULT;
    }
    machine.view.setInt16(at, machine.words[instruction.b], true);
    return NEXT;
  },
  ...{ sw: store32, fsw: store32, sd: store64, fsd: store64 },
};
