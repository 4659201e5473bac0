// What leaves the program, and control and status registers (Zicsr, Zifencei).
import { StopReason } from "../engine.ts";
import { fcsrField } from "../fcsr.ts";
import type { Operation } from "../instruction.ts";
import { type Decoded, type Execute, follow, JUMP, type Machine, NEXT, put } from "./machine.ts";

const WORD = 0xffff_ffffn;
const CSR = { CYCLE: 0xc00, TIME: 0xc01, INSTRET: 0xc02 } as const;

/** Nanoseconds count as cycles and as instructions, too. @returns undefined for what is no counter */
function readCounter(machine: Machine, csr: number): bigint | undefined {
  const counts = csr === CSR.CYCLE || csr === CSR.TIME || csr === CSR.INSTRET;
  return counts ? BigInt(Math.floor(machine.clock.nowNs())) : undefined;
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
    const { words: w, fcsr } = machine;
    const number = (a - machine.source(0)) / 2;
    const writes = always || number !== 0;
    const field = fcsrField(imm);
    if (field === undefined) {
      // Counters can only be read.
      const counter = writes ? undefined : readCounter(machine, imm);
      if (counter === undefined) return StopReason.ILLEGAL;
      return put(w, d, Number(counter & WORD) | 0, Number(counter >> 32n & WORD) | 0);
    }
    const { shift, mask } = field;
    const old = w[fcsr] >> shift & mask;
    if (writes) {
      const value = combine(old, immediate ? number : w[a]) & mask;
      w[fcsr] = w[fcsr] & ~(mask << shift) | value << shift;
    }
    return put(w, d, old, 0);
  };
}

const swap = (_old: number, operand: number) => operand;
const set = (old: number, operand: number) => old | operand;
const clear = (old: number, operand: number) => old & ~operand;

/** The code that follows may be new: it is fetched again. */
function fetchAgain(machine: Machine, instruction: Decoded): number {
  follow(machine, machine.pc, instruction);
  return JUMP;
}

export const systemOperations: Partial<Record<Operation, Execute>> = {
  illegal: () => StopReason.ILLEGAL,
  ecall: () => StopReason.ECALL,
  ebreak: () => StopReason.BREAKPOINT,
  // Memory is in order as it is.
  fence: () => NEXT,
  fence_i: fetchAgain,
  csrrw: access(false, true, swap),
  csrrs: access(false, false, set),
  csrrc: access(false, false, clear),
  csrrwi: access(true, true, swap),
  csrrsi: access(true, false, set),
  csrrci: access(true, false, clear),
};
