// What executes RISC-V code, as its surroundings see it, and what it asks of them.

/** Kinds of access to memory: also the bits of a translation's permissions (see translation_table.ts). */
export const Access = { READ: 8, WRITE: 16, EXECUTE: 32 } as const;
export type Access = (typeof Access)[keyof typeof Access];

/** Why a hart stopped. PC is that of the instruction that did not complete, unless said otherwise. */
export const StopReason = {
  /** its budget is used up; nothing is wrong */
  BUDGET: 1,
  /** `ecall`; PC is that of the ecall itself */
  ECALL: 2,
  /** `ebreak` */
  BREAKPOINT: 3,
  /** an instruction that this hart does not have */
  ILLEGAL: 4,
  /** no translation for an access: FAULT_ADDRESS and FAULT_ACCESS tell which */
  PAGE_FAULT: 5,
  /** an atomic access that is not aligned */
  MISALIGNED: 6,
} as const;
export type StopReason = (typeof StopReason)[keyof typeof StopReason];

/** Whoever knows what the pages of the current address space are. */
export interface Pager {
  /**
   * Enters the translation of a page into the current translation table if that can be done at once.
   * @param page number of the virtual page: address divided by 4096, below 2^52
   * @returns false where the access is not allowed or has to wait: the hart stops with PAGE_FAULT
   */
  refill(page: number, access: Access): boolean;
  /**
   * Code of a frame is about to be cached: from now on a write to it must come through `refill`, which
   * calls `Engine.invalidate` before it allows it.
   * @param frame address of the frame in the hart's memory
   */
  guardCode(frame: number): void;
}

/** Executes what the state block describes. */
export interface Engine {
  /** Runs until something happens that the kernel must see; the state block says what. */
  run(): StopReason;
  /** What was cached of the code in a frame is no longer so. @param frame address in the hart's memory */
  invalidate(frame: number): void;
  /**
   * Executable mappings of an address space changed, or it has got a jump cache that another one had, or nobody.
   * @param jumps start of its jump cache
   */
  forgetJumps(jumps: number): void;
}

/** The hart's view of the machine's clock, for the `time` and `cycle` CSRs. */
export interface HartClock {
  /** nanoseconds since some moment */
  nowNs(): number;
}
