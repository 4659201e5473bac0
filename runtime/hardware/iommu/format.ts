// Bit layouts of the RISC-V IOMMU specification 1.0: device contexts in base format (section 2.1),
// commands (3.1), fault records (3.2), and page-table entries of the privileged specification.
// 64-bit values are handled as two words, low first: none of their fields crosses the middle but PPN.

export const PAGE_BYTES = 4096;

/** `CAUSE` of a fault record (table 11). */
export const Cause = {
  LOAD_ACCESS_FAULT: 5,
  STORE_ACCESS_FAULT: 7,
  LOAD_PAGE_FAULT: 13,
  STORE_PAGE_FAULT: 15,
  LOAD_GUEST_PAGE_FAULT: 21,
  STORE_GUEST_PAGE_FAULT: 23,
  ALL_INBOUND_DISALLOWED: 256,
  DDT_LOAD_ACCESS_FAULT: 257,
  DDT_INVALID: 258,
  DDT_MISCONFIGURED: 259,
  TRANSACTION_DISALLOWED: 260,
} as const;

/** `TTYP` of a fault record (table 12). */
export const TransactionType = { READ: 2, WRITE: 3 } as const;

/** `ddtp.iommu_mode`. */
export const DirectoryMode = { OFF: 0, BARE: 1, ONE_LEVEL: 2 } as const;

export const CONTEXT_BYTES = 32;
/** A one-level directory of base-format contexts is one page: device ids 0 to 127. */
export const MAX_DEVICES = PAGE_BYTES / CONTEXT_BYTES;

/** Byte offsets in a device context. */
export const Context = { TC: 0, IOHGATP: 8, TA: 16, FSC: 24 } as const;

/** Bits of the low word of `tc`. */
export const TC_VALID = 1;
export const TC_DISABLE_FAULTS = 1 << 4;
/** What this IOMMU does not have (ATS, PRI, process directories, A/D updates, big endian): must be zero. */
export const TC_UNSUPPORTED = 0xffff_ffff & ~(TC_VALID | TC_DISABLE_FAULTS);

/** `MODE` of iohgatp and iosatp. */
export const Translation = { BARE: 0, SV39: 8, SV39X4: 8 } as const;

export const Pte = { V: 1, R: 2, W: 4, X: 8, U: 16, G: 32, A: 64, D: 128 } as const;
/** Bits 54 to 63 are reserved without Svpbmt and Svnapot: in the high word. */
export const PTE_RESERVED_HIGH = 0xffc0_0000;

/** Physical page number of a page-table entry: bits 10 to 53. */
export function ptePage(low: number, high: number): number {
  return (high & 0x3f_ffff) * 0x40_0000 + (low >>> 10);
}

/** Physical page number of iohgatp and iosatp: bits 0 to 43. */
export function rootPage(low: number, high: number): number {
  return (high & 0xfff) * 0x1_0000_0000 + (low >>> 0);
}

/** `MODE` of iohgatp and iosatp: bits 60 to 63. */
export function rootMode(high: number): number {
  return high >>> 28;
}

/** A page-table entry for a physical page. */
export function makePte(address: number, flags: number): [low: number, high: number] {
  const page = address / PAGE_BYTES;
  return [((page % 0x40_0000) << 10 | flags) >>> 0, Math.floor(page / 0x40_0000)];
}

/** Commands: opcode in bits 0 to 6, func3 in bits 7 to 9. */
export const Command = {
  IOTINVAL_VMA: 1,
  IOTINVAL_GVMA: 1 | 1 << 7,
  IOFENCE_C: 2,
  IODIR_INVAL_DDT: 3,
} as const;

export const COMMAND_BYTES = 16;
export const FAULT_BYTES = 32;
