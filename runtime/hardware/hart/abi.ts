// Registers by what programs use them for (RISC-V psABI, integer register convention).

export const ZERO = 0;
/** where calls leave what returns jump to */
export const RA = 1;
/** the stack's lowest address in use */
export const SP = 2;
/** storage of the thread */
export const TP = 4;
/** first arguments of functions and system calls; the first is the result, too */
export const A0 = 10, A1 = 11, A2 = 12, A3 = 13;
/** number of a system call */
export const A7 = 17;
