// Where a jump goes, as far as the code before it tells: compilers reach what is far away by `auipc` and
// `jalr`, and other libraries' functions by way of tables that `auipc` and `ld` find (RISC-V ELF psABI,
// "Program Linkage Table").
import { type Instruction, Op } from "../instruction.ts";

export interface JumpTarget {
  /** always this address */
  target?: number;
  /** what is at this address when the jump is executed */
  table?: number;
}

interface Instructions {
  readonly instructions: readonly Instruction[];
  readonly addresses: readonly number[];
}

/** @param block its last instruction is the jump */
export function jumpTarget(block: Instructions): JumpTarget {
  const { instructions, addresses } = block;
  const last = instructions.length - 1;
  const { op, rs1, imm } = instructions[last];
  if (op === Op.jal) return { target: addresses[last] + imm };
  const base = constant(block, last - 1, rs1);
  if (base !== undefined) return { target: even(base + imm) };
  const load = instructions[last - 1];
  if (imm !== 0 || load?.op !== Op.ld || load.rd !== rs1) return {};
  const table = constant(block, last - 2, load.rs1);
  return table === undefined ? {} : { table: table + load.imm };
}

/** What `auipc` has put into a register, if that is the instruction at an index. */
function constant({ instructions, addresses }: Instructions, index: number, register: number) {
  const { op, rd, imm } = instructions[index] ?? {};
  return op === Op.auipc && rd === register && rd !== 0 ? addresses[index] + imm! : undefined;
}

function even(address: number): number {
  return address - address % 2;
}
