// Where the registers of a hart are in the hart's memory: byte offsets from the start of its state block.
// Interpreter and translated code work on this block alone, so either can go on where the other stopped.

/** Bytes of a state block. */
export const STATE_BYTES = 4096;

export const State = {
  /** x0 to x31, 64 bits each; x0 stays zero */
  X: 0,
  /** f0 to f31, 64 bits each; a 32-bit number is NaN-boxed */
  F: 256,
  PC: 512,
  /** fcsr as the specification has it: rounding mode in bits 5 to 7, flags in bits 0 to 4 */
  FCSR: 520,
  /** instructions (about) that may still be executed before the hart stops with `BUDGET`; signed 32 bits */
  BUDGET: 524,
  /** address reserved by LR, all ones where there is none; and the value that LR loaded */
  RESERVATION: 528,
  RESERVED_VALUE: 536,
  /** where in the hart's memory the translation table of the current address space begins; 32 bits */
  TRANSLATIONS: 544,
  /** where its jump cache begins; 32 bits */
  JUMPS: 548,
  /** why the hart stopped: see `StopReason`; 32 bits */
  STOP: 552,
  /** kind of the access that faulted: see `Access`; 32 bits */
  FAULT_ACCESS: 556,
  /** address that faulted; 64 bits */
  FAULT_ADDRESS: 560,
  /** not zero once translated code has left because accesses had no place together; 32 bits */
  APART: 568,
  /** a jump by which translated code has left, and where it led; 64 bits each */
  JUMP: 576,
  JUMP_TARGET: 584,
  /** room for the engine's own counters and spills, up to STATE_BYTES */
  ENGINE: 1024,
} as const;

/** What a thread has of the state: saved and restored when a hart goes from one thread to another. */
export const THREAD_STATE_BYTES = State.BUDGET;
