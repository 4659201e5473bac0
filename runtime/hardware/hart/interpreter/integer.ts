// RV64I without memory, Zba, Zbb, Zbs: on pairs of 32-bit words, low word first.
import type { Operation } from "../instruction.ts";
import { type Decoded, type Execute, JUMP, type Machine, NEXT } from "./machine.ts";

/** An operation on both 64-bit sources, as words in and words out through `put`. */
function put(words: Int32Array, d: number, low: number, high: number): number {
  words[d] = low;
  words[d + 1] = high;
  return NEXT;
}

/** A result of 32 bits, sign-extended. */
function put32(words: Int32Array, d: number, value: number): number {
  words[d] = value;
  words[d + 1] = value >> 31;
  return NEXT;
}

function add(words: Int32Array, d: number, al: number, ah: number, bl: number, bh: number): number {
  const low = (al >>> 0) + (bl >>> 0);
  return put(words, d, low | 0, ah + bh + (low > 0xffff_ffff ? 1 : 0) | 0);
}

function lessSigned(al: number, ah: number, bl: number, bh: number): boolean {
  return ah < bh || ah === bh && al >>> 0 < bl >>> 0;
}

function lessUnsigned(al: number, ah: number, bl: number, bh: number): boolean {
  return ah >>> 0 < bh >>> 0 || ah === bh && al >>> 0 < bl >>> 0;
}

function shiftLeft(words: Int32Array, d: number, l: number, h: number, by: number): number {
  if (by === 0) return put(words, d, l, h);
  if (by >= 32) return put(words, d, 0, l << by);
  return put(words, d, l << by, h << by | l >>> 32 - by);
}

function shiftRight(words: Int32Array, d: number, l: number, h: number, by: number): number {
  if (by === 0) return put(words, d, l, h);
  if (by >= 32) return put(words, d, h >>> by, 0);
  return put(words, d, l >>> by | h << 32 - by, h >>> by);
}

function shiftRightSigned(words: Int32Array, d: number, l: number, h: number, by: number): number {
  if (by === 0) return put(words, d, l, h);
  if (by >= 32) return put(words, d, h >> by, h >> 31);
  return put(words, d, l >>> by | h << 32 - by, h >> by);
}

function rotateRight(words: Int32Array, d: number, l: number, h: number, by: number): number {
  if ((by & 32) !== 0) [l, h] = [h, l];
  by &= 31;
  if (by === 0) return put(words, d, l, h);
  return put(words, d, l >>> by | h << 32 - by, h >>> by | l << 32 - by);
}

function rotateRight32(value: number, by: number): number {
  by &= 31;
  return by === 0 ? value : value >>> by | value << 32 - by;
}

function ones(value: number): number {
  value -= value >>> 1 & 0x5555_5555;
  value = (value & 0x3333_3333) + (value >>> 2 & 0x3333_3333);
  return Math.imul(value + (value >>> 4) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

function trailingZeros(value: number): number {
  return value === 0 ? 32 : 31 - Math.clz32(value & -value);
}

/** Each byte all ones where any bit of it is set. */
function orBytes(value: number): number {
  value |= value >>> 4 & 0x0f0f_0f0f;
  value |= value >>> 2 & 0x3333_3333;
  value |= value >>> 1 & 0x5555_5555;
  return Math.imul(value & 0x0101_0101, 0xff);
}

function reverseBytes(value: number): number {
  return value << 24 | (value & 0xff00) << 8 | value >>> 8 & 0xff00 | value >>> 24;
}

/** The place of a single bit. */
function bit(by: number): [low: number, high: number] {
  return (by & 32) === 0 ? [1 << by, 0] : [0, 1 << by];
}

function branch(machine: Machine, { imm, sign }: Decoded, taken: boolean): number {
  if (!taken) return NEXT;
  return jump(machine, imm, sign);
}

function jump(machine: Machine, imm: number, sign: number): number {
  const low = (machine.pcLow >>> 0) + (imm >>> 0);
  machine.targetLow = low | 0;
  machine.targetHigh = machine.pcHigh + sign + (low > 0xffff_ffff ? 1 : 0) | 0;
  return JUMP;
}

/** The address of the next instruction, as calls save it. */
function link(machine: Machine, { d, size }: Decoded): void {
  add(machine.words, d, machine.pcLow, machine.pcHigh, size, 0);
}

type Binary = (w: Int32Array, d: number, al: number, ah: number, bl: number, bh: number) => number;

/** An operation of two registers, and the same with an immediate. */
function registers(operate: Binary): Execute {
  return ({ words: w }, { d, a, b }) => operate(w, d, w[a], w[a + 1], w[b], w[b + 1]);
}
function immediate(operate: Binary): Execute {
  return ({ words: w }, { d, a, imm, sign }) => operate(w, d, w[a], w[a + 1], imm, sign);
}

const and: Binary = (w, d, al, ah, bl, bh) => put(w, d, al & bl, ah & bh);
const or: Binary = (w, d, al, ah, bl, bh) => put(w, d, al | bl, ah | bh);
const xor: Binary = (w, d, al, ah, bl, bh) => put(w, d, al ^ bl, ah ^ bh);
const slt: Binary = (w, d, al, ah, bl, bh) => put(w, d, lessSigned(al, ah, bl, bh) ? 1 : 0, 0);
const sltu: Binary = (w, d, al, ah, bl, bh) => put(w, d, lessUnsigned(al, ah, bl, bh) ? 1 : 0, 0);
const sub: Binary = (w, d, al, ah, bl, bh) =>
  put(w, d, al - bl | 0, ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0) | 0);

/** Shifts, whose second operand is its lowest six or five bits. */
const sll: Binary = (w, d, al, ah, bl) => shiftLeft(w, d, al, ah, bl & 63);
const srl: Binary = (w, d, al, ah, bl) => shiftRight(w, d, al, ah, bl & 63);
const sra: Binary = (w, d, al, ah, bl) => shiftRightSigned(w, d, al, ah, bl & 63);
const ror: Binary = (w, d, al, ah, bl) => rotateRight(w, d, al, ah, bl & 63);
const sllw: Binary = (w, d, al, _ah, bl) => put32(w, d, al << bl);
const srlw: Binary = (w, d, al, _ah, bl) => put32(w, d, al >>> bl | 0);
const sraw: Binary = (w, d, al, _ah, bl) => put32(w, d, al >> bl);
const rorw: Binary = (w, d, al, _ah, bl) => put32(w, d, rotateRight32(al, bl));
const addw: Binary = (w, d, al, _ah, bl) => put32(w, d, al + bl | 0);

function shiftedAdd(by: number, word: boolean): Execute {
  return registers((w, d, al, ah, bl, bh) => {
    const high = word ? 0 : ah;
    return add(w, d, al << by, high << by | (by === 0 ? 0 : al >>> 32 - by), bl, bh);
  });
}

const bset: Binary = (w, d, al, ah, bl) => or(w, d, al, ah, ...bit(bl));
const binv: Binary = (w, d, al, ah, bl) => xor(w, d, al, ah, ...bit(bl));
const bclr: Binary = (w, d, al, ah, bl) => {
  const [low, high] = bit(bl);
  return put(w, d, al & ~low, ah & ~high);
};
const bext: Binary = (w, d, al, ah, bl) => put(w, d, ((bl & 32) === 0 ? al : ah) >>> bl & 1, 0);

/** The smaller or the greater of two. */
function chosen(less: typeof lessSigned, first: boolean): Execute {
  return registers((w, d, al, ah, bl, bh) =>
    less(al, ah, bl, bh) === first ? put(w, d, al, ah) : put(w, d, bl, bh)
  );
}

/** An operation of one register. */
function unary(operate: (w: Int32Array, d: number, low: number, high: number) => number): Execute {
  return ({ words: w }, { d, a }) => operate(w, d, w[a], w[a + 1]);
}

function condition(
  holds: (al: number, ah: number, bl: number, bh: number) => boolean,
): Execute {
  return (machine, instruction) => {
    const w = machine.words, { a, b } = instruction;
    return branch(machine, instruction, holds(w[a], w[a + 1], w[b], w[b + 1]));
  };
}

export const integerOperations: Partial<Record<Operation, Execute>> = {
  lui: ({ words }, { d, imm }) => put32(words, d, imm),
  auipc: ({ words, pcLow, pcHigh }, { d, imm, sign }) => add(words, d, pcLow, pcHigh, imm, sign),
  jal: (machine, instruction) => {
    link(machine, instruction);
    return jump(machine, instruction.imm, instruction.sign);
  },
  jalr: (machine, instruction) => {
    const w = machine.words, { a, imm, sign } = instruction;
    const low = (w[a] >>> 0) + (imm >>> 0);
    const high = w[a + 1] + sign + (low > 0xffff_ffff ? 1 : 0) | 0;
    link(machine, instruction);
    machine.targetLow = low & ~1;
    machine.targetHigh = high;
    return JUMP;
  },
  beq: condition((al, ah, bl, bh) => al === bl && ah === bh),
  bne: condition((al, ah, bl, bh) => al !== bl || ah !== bh),
  blt: condition(lessSigned),
  bge: condition((al, ah, bl, bh) => !lessSigned(al, ah, bl, bh)),
  bltu: condition(lessUnsigned),
  bgeu: condition((al, ah, bl, bh) => !lessUnsigned(al, ah, bl, bh)),
  addi: ({ words: w }, { d, a, imm, sign }) => {
    const low = (w[a] >>> 0) + (imm >>> 0);
    const high = w[a + 1] + sign + (low > 0xffff_ffff ? 1 : 0);
    w[d] = low;
    w[d + 1] = high;
    return NEXT;
  },
  slti: immediate(slt),
  sltiu: immediate(sltu),
  xori: immediate(xor),
  ori: immediate(or),
  andi: immediate(and),
  slli: immediate(sll),
  srli: immediate(srl),
  srai: immediate(sra),
  add: ({ words: w }, { d, a, b }) => {
    const low = (w[a] >>> 0) + (w[b] >>> 0);
    const high = w[a + 1] + w[b + 1] + (low > 0xffff_ffff ? 1 : 0);
    w[d] = low;
    w[d + 1] = high;
    return NEXT;
  },
  sub: registers(sub),
  sll: registers(sll),
  slt: registers(slt),
  sltu: registers(sltu),
  xor: registers(xor),
  srl: registers(srl),
  sra: registers(sra),
  or: registers(or),
  and: registers(and),
  addiw: immediate(addw),
  slliw: immediate(sllw),
  srliw: immediate(srlw),
  sraiw: immediate(sraw),
  addw: registers(addw),
  subw: registers((w, d, al, _ah, bl) => put32(w, d, al - bl | 0)),
  sllw: registers(sllw),
  srlw: registers(srlw),
  sraw: registers(sraw),
  fence: () => NEXT,
  // Zba
  add_uw: shiftedAdd(0, true),
  sh1add: shiftedAdd(1, false),
  sh2add: shiftedAdd(2, false),
  sh3add: shiftedAdd(3, false),
  sh1add_uw: shiftedAdd(1, true),
  sh2add_uw: shiftedAdd(2, true),
  sh3add_uw: shiftedAdd(3, true),
  slli_uw: immediate((w, d, al, _ah, bl) => shiftLeft(w, d, al, 0, bl & 63)),
  // Zbb
  andn: registers((w, d, al, ah, bl, bh) => put(w, d, al & ~bl, ah & ~bh)),
  orn: registers((w, d, al, ah, bl, bh) => put(w, d, al | ~bl, ah | ~bh)),
  xnor: registers((w, d, al, ah, bl, bh) => put(w, d, ~(al ^ bl), ~(ah ^ bh))),
  clz: unary((w, d, l, h) => put(w, d, h === 0 ? 32 + Math.clz32(l) : Math.clz32(h), 0)),
  clzw: unary((w, d, l) => put(w, d, Math.clz32(l), 0)),
  ctz: unary((w, d, l, h) => put(w, d, l === 0 ? 32 + trailingZeros(h) : trailingZeros(l), 0)),
  ctzw: unary((w, d, l) => put(w, d, trailingZeros(l), 0)),
  cpop: unary((w, d, l, h) => put(w, d, ones(l) + ones(h), 0)),
  cpopw: unary((w, d, l) => put(w, d, ones(l), 0)),
  max: chosen(lessSigned, false),
  maxu: chosen(lessUnsigned, false),
  min: chosen(lessSigned, true),
  minu: chosen(lessUnsigned, true),
  sext_b: unary((w, d, l) => put32(w, d, l << 24 >> 24)),
  sext_h: unary((w, d, l) => put32(w, d, l << 16 >> 16)),
  zext_h: unary((w, d, l) => put(w, d, l & 0xffff, 0)),
  rol: registers((w, d, al, ah, bl) => rotateRight(w, d, al, ah, -bl & 63)),
  rolw: registers((w, d, al, _ah, bl) => put32(w, d, rotateRight32(al, -bl))),
  ror: registers(ror),
  rori: immediate(ror),
  rorw: registers(rorw),
  roriw: immediate(rorw),
  orc_b: unary((w, d, l, h) => put(w, d, orBytes(l), orBytes(h))),
  rev8: unary((w, d, l, h) => put(w, d, reverseBytes(h), reverseBytes(l))),
  // Zbs
  bclr: registers(bclr),
  bclri: immediate(bclr),
  bext: registers(bext),
  bexti: immediate(bext),
  binv: registers(binv),
  binvi: immediate(binv),
  bset: registers(bset),
  bseti: immediate(bset),
};
