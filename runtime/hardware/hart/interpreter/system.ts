// What leaves the program, and control and status registers (Zicsr, Zifencei).
import { StopReason } from "../engine.ts";
import type { Operation } from "../instruction.ts";
import { type Decoded, type Execute, JUMP, type Machine, NEXT } from "./machine.ts";

const CSR = { FFLAGS: 1, FRM: 2, FCSR: 3, CYCLE: 0xc00, TIME: 0xc01, INSTRET: 0xc02 } as const;

/** The value of a register. @returns undefined where there is none */
function readCsr(machine: Machine, csr: number): bigint | undefined {
  switch (csr) {
    case CSR.FFLAGS:
      return BigInt(machine.fcsr & 31);
    case CSR.FRM:
      return BigInt(machine.fcsr >> 5 & 7);
    case CSR.FCSR:
      return BigInt(machine.fcsr & 0xff);
    case CSR.CYCLE:
    case CSR.TIME:
    case CSR.INSTRET:
      return BigInt(Math.floor(machine.clock.nowNs()));
    default:
      return undefined;
  }
}

function writeCsr(machine: Machine, csr: number, value: number): boolean {
  if (csr === CSR.FFLAGS) machine.fcsr = machine.fcsr & ~31 | value & 31;
  else if (csr === CSR.FRM) machine.fcsr = machine.fcsr & 31 | (value & 7) << 5;
  else if (csr === CSR.FCSR) machine.fcsr = value & 0xff;
  else return false;
  return true;
}

/**
 * @param immediate whether the operand is the five bits where the number of its register would be
 * @param always whether the register is written whatever the operand is
 */
function access(
  immediate: boolean,
  always: boolean,
  combine: (old: number, operand: number) => number,
): Execute {
  return (machine, { a, d, imm }) => {
    const w = machine.words;
    const number = (a - machine.source(0)) / 2;
    const operand = immediate ? number : w[a];
    const old = readCsr(machine, imm);
    if (old === undefined) return StopReason.ILLEGAL;
    if (always || number !== 0) {
      if (!writeCsr(machine, imm, combine(Number(old & 0xffn), operand))) return StopReason.ILLEGAL;
    }
    w[d] = Number(BigInt.asIntN(32, old));
    w[d + 1] = Number(BigInt.asIntN(32, old >> 32n));
    return NEXT;
  };
}

const swap = (_old: number, operand: number) => operand;
const set = (old: number, operand: number) => old | operand;
const clear = (old: number, operand: number) => old & ~operand;

/** The code that follows may be new: it is fetched again. */
function fetchAgain(machine: Machine, { size }: Decoded): number {
  const low = (machine.pcLow >>> 0) + size;
  machine.targetLow = low | 0;
  machine.targetHigh = machine.pcHigh + (low > 0xffff_ffff ? 1 : 0) | 0;
  return JUMP;
}

export const systemOperations: Partial<Record<Operation, Execute>> = {
  illegal: () => StopReason.ILLEGAL,
  ecall: () => StopReason.ECALL,
  ebreak: () => StopReason.BREAKPOINT,
  fence_i: fetchAgain,
  csrrw: access(false, true, swap),
  csrrs: access(false, false, set),
  csrrc: access(false, false, clear),
  csrrwi: access(true, true, swap),
  csrrsi: access(true, false, set),
  csrrci: access(true, false, clear),
};
