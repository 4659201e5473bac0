// Jumps, branches, and the instruction that knows where it is.
import type { Operation } from "../instruction.ts";
import { type Execute, follow, JUMP, jump, NEXT } from "./machine.ts";
import { lessSigned, lessUnsigned } from "./order.ts";

/** A jump that is neither a call nor a return. */
export const jumpToRegister: Execute = ({ words: w, pc }, { a, imm, sign }) => {
  const base = w[a], low = base + imm | 0;
  w[pc] = low & ~1;
  w[pc + 1] = w[a + 1] + sign + (low >>> 0 < base >>> 0 ? 1 : 0);
  return JUMP;
};

export const controlOperations: Partial<Record<Operation, Execute>> = {
  auipc: ({ words, pageLow, pageHigh }, { d, offset, imm, sign }) => {
    const from = pageLow | offset, low = from + imm | 0;
    words[d] = low;
    words[d + 1] = pageHigh + sign + (low >>> 0 < from >>> 0 ? 1 : 0);
    return NEXT;
  },
  jal: (machine, instruction) => {
    follow(machine, instruction.d, instruction);
    return jump(machine, instruction);
  },
  jalr: (machine, instruction) => {
    const taken = jumpToRegister(machine, instruction);
    // Last, since it may be the register that says where the jump goes.
    follow(machine, instruction.d, instruction);
    return taken;
  },
  beq: (machine, instruction) => {
    const w = machine.words, { a, b } = instruction;
    return w[a] === w[b] && w[a + 1] === w[b + 1] ? jump(machine, instruction) : NEXT;
  },
  bne: (machine, instruction) => {
    const w = machine.words, { a, b } = instruction;
    return w[a] !== w[b] || w[a + 1] !== w[b + 1] ? jump(machine, instruction) : NEXT;
  },
  blt: (machine, instruction) => {
    const w = machine.words, { a, b } = instruction;
    return lessSigned(w[a], w[a + 1], w[b], w[b + 1]) ? jump(machine, instruction) : NEXT;
  },
  bge: (machine, instruction) => {
    const w = machine.words, { a, b } = instruction;
    return lessSigned(w[a], w[a + 1], w[b], w[b + 1]) ? NEXT : jump(machine, instruction);
  },
  bltu: (machine, instruction) => {
    const w = machine.words, { a, b } = instruction;
    return lessUnsigned(w[a], w[a + 1], w[b], w[b + 1]) ? jump(machine, instruction) : NEXT;
  },
  bgeu: (machine, instruction) => {
    const w = machine.words, { a, b } = instruction;
    return lessUnsigned(w[a], w[a + 1], w[b], w[b + 1]) ? NEXT : jump(machine, instruction);
  },
};
