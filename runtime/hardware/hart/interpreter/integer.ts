// RV64I without memory and jumps. Every operation is a function of its own, small enough to be compiled well;
// operands that are immediates are read like registers, so that addi is add.
import type { Operation } from "../instruction.ts";
import { type Execute, NEXT, put, put32 } from "./machine.ts";
import { lessSigned, lessUnsigned } from "./order.ts";

const add: Execute = ({ words: w }, { d, a, b }) => {
  const al = w[a], low = al + w[b] | 0;
  const high = w[a + 1] + w[b + 1] + (low >>> 0 < al >>> 0 ? 1 : 0);
  w[d] = low;
  w[d + 1] = high;
  return NEXT;
};
const sub: Execute = ({ words: w }, { d, a, b }) => {
  const al = w[a], bl = w[b];
  return put(w, d, al - bl | 0, w[a + 1] - w[b + 1] - (al >>> 0 < bl >>> 0 ? 1 : 0) | 0);
};
const and: Execute = ({ words: w }, { d, a, b }) => put(w, d, w[a] & w[b], w[a + 1] & w[b + 1]);
const or: Execute = ({ words: w }, { d, a, b }) => put(w, d, w[a] | w[b], w[a + 1] | w[b + 1]);
const xor: Execute = ({ words: w }, { d, a, b }) => put(w, d, w[a] ^ w[b], w[a + 1] ^ w[b + 1]);
const slt: Execute = ({ words: w }, { d, a, b }) =>
  put(w, d, lessSigned(w[a], w[a + 1], w[b], w[b + 1]) ? 1 : 0, 0);
const sltu: Execute = ({ words: w }, { d, a, b }) =>
  put(w, d, lessUnsigned(w[a], w[a + 1], w[b], w[b + 1]) ? 1 : 0, 0);

// Shift amounts are the lowest six bits of the second operand, in operations on words the lowest five; the
// host's shifts take the lowest five themselves.
const sll: Execute = ({ words: w }, { d, a, b }) => {
  const by = w[b], low = w[a];
  if ((by & 32) !== 0) return put(w, d, 0, low << by);
  // Shifted by 32 in two steps, which also is right for zero.
  return put(w, d, low << by, w[a + 1] << by | low >>> 1 >>> ~by);
};
const srl: Execute = ({ words: w }, { d, a, b }) => {
  const by = w[b], high = w[a + 1];
  if ((by & 32) !== 0) return put(w, d, high >>> by, 0);
  return put(w, d, w[a] >>> by | high << 1 << ~by, high >>> by);
};
const sra: Execute = ({ words: w }, { d, a, b }) => {
  const by = w[b], high = w[a + 1];
  if ((by & 32) !== 0) return put(w, d, high >> by, high >> 31);
  return put(w, d, w[a] >>> by | high << 1 << ~by, high >> by);
};

const addw: Execute = ({ words: w }, { d, a, b }) => put32(w, d, w[a] + w[b] | 0);
const subw: Execute = ({ words: w }, { d, a, b }) => put32(w, d, w[a] - w[b] | 0);
const sllw: Execute = ({ words: w }, { d, a, b }) => put32(w, d, w[a] << w[b]);
const srlw: Execute = ({ words: w }, { d, a, b }) => put32(w, d, w[a] >>> w[b] | 0);
const sraw: Execute = ({ words: w }, { d, a, b }) => put32(w, d, w[a] >> w[b]);

export const integerOperations: Partial<Record<Operation, Execute>> = {
  ...{ add, sub, sll, slt, sltu, xor, srl, sra, or, and },
  ...{ addi: add, slti: slt, sltiu: sltu, xori: xor, ori: or, andi: and },
  ...{ slli: sll, srli: srl, srai: sra },
  ...{ addw, subw, sllw, srlw, sraw },
  ...{ addiw: addw, slliw: sllw, srliw: srlw, sraiw: sraw },
  lui: ({ words }, { d, imm }) => put32(words, d, imm),
};
