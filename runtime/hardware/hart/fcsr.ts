// The registers that are parts of fcsr, which has floating-point flags and rounding mode (unprivileged ISA,
// chapter "F").
import { type Instruction, Op } from "./instruction.ts";

const CSR = { FFLAGS: 1, FRM: 2, FCSR: 3 } as const;

/** What part of fcsr a register is: how far up, and how wide. @returns undefined for other registers */
export function fcsrField(csr: number): { shift: number; mask: number } | undefined {
  switch (csr) {
    case CSR.FFLAGS:
      return { shift: 0, mask: 0x1f };
    case CSR.FRM:
      return { shift: 5, mask: 0x07 };
    case CSR.FCSR:
      return { shift: 0, mask: 0xff };
    default:
      return undefined;
  }
}

/** Whether an instruction reads a part of fcsr, or changes its flags, and leaves the rounding mode as it is. */
export function keepsRounding({ op, rs1, imm }: Instruction): boolean {
  const onlyReads = rs1 === 0 && (op === Op.csrrs || op === Op.csrrc);
  return imm === CSR.FFLAGS || onlyReads && fcsrField(imm) !== undefined;
}
