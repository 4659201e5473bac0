// Which registers each operation reads and writes, and of which kind.
import { type Instruction, type Operation, operations } from "../instruction.ts";

interface Operands {
  /** the operation has a destination; an integer one counts only where it is not x0 */
  writes: boolean;
  floatDestination: boolean;
  floatFirst: boolean;
  floatSecond: boolean;
  third: boolean;
}

function describe(name: Operation): Operands {
  const isFloat = name.startsWith("f") && !name.startsWith("fence");
  const stores = /^(sb|sh|sw|sd|fsw|fsd)$/.test(name);
  const branches = /^(beq|bne|blt|bge|bltu|bgeu)$/.test(name);
  const leaves = /^(illegal|ecall|ebreak|fence|fence_i)$/.test(name);
  const toInteger = /^(fcvt_(w|wu|l|lu)_|fmv_x_|feq|flt|fle|fclass)/.test(name);
  const fromInteger = /^(fcvt_[sd]_(w|wu|l|lu)$|fmv_[wd]_x)/.test(name);
  const moves = /^f[ls][wd]$/.test(name);
  return {
    writes: !stores && !branches && !leaves,
    floatDestination: isFloat && !toInteger,
    floatFirst: isFloat && !fromInteger && !moves,
    floatSecond: isFloat,
    third: /^fn?m(add|sub)_/.test(name),
  };
}

/** By number of the operation. */
export const operands: readonly Operands[] = operations.map(describe);

/** Sets of registers as bits: integer and floating-point ones. */
export interface RegisterSet {
  x: number;
  f: number;
}

export const NO_REGISTERS: RegisterSet = { x: 0, f: 0 };

export function union(a: RegisterSet, b: RegisterSet): RegisterSet {
  return { x: a.x | b.x, f: a.f | b.f };
}

/** What `a` has and `b` has not. */
export function without(a: RegisterSet, b: RegisterSet): RegisterSet {
  return { x: a.x & ~b.x, f: a.f & ~b.f };
}

/** What an instruction reads. */
export function reads({ op, rs1, rs2, rs3 }: Instruction): RegisterSet {
  const { floatFirst, floatSecond, third } = operands[op];
  const set = { x: 0, f: 0 };
  if (floatFirst) set.f |= 1 << rs1;
  else set.x |= 1 << rs1;
  if (floatSecond) set.f |= 1 << rs2;
  else set.x |= 1 << rs2;
  if (third) set.f |= 1 << rs3;
  set.x &= ~1;
  return set;
}

/** What an instruction writes. */
export function written({ op, rd }: Instruction): RegisterSet {
  const { writes, floatDestination } = operands[op];
  if (!writes) return { x: 0, f: 0 };
  return floatDestination ? { x: 0, f: 1 << rd } : { x: 1 << rd & ~1, f: 0 };
}
