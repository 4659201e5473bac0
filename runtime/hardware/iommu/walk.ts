// Page-table walks: first stage Sv39 in the domain's memory, second stage Sv39x4 in the hypervisor's
// (privileged specification, sections on Sv39 and on two-stage translation). Hardware updating of A
// and D is not there: a clear bit is a fault, as with SADE and GADE clear.
import type { PhysicalMemory } from "../physical_memory.ts";
import { Cause, PAGE_BYTES, Pte, PTE_RESERVED_HIGH, ptePage } from "./format.ts";

export interface Fault {
  cause: number;
  /**
   * `iotval2`: guest physical address that the second stage refused, in units of four bytes, with bit
   * 0 set where the walk of the first stage needed it; 0 for other faults
   */
  guestAddress: number;
}

/** A translated page: where it is, and whether it may be written. */
export interface Page {
  address: number;
  writable: boolean;
}

const LEVELS = 3;
const LEVEL_BITS = 9;
/** Sv39x4 indexes its root with two more bits. */
const SECOND_STAGE_LIMIT = 2 ** 41;
const FIRST_STAGE_LIMIT = 2 ** 39;

export function isFault(result: Page | Fault): result is Fault {
  return "cause" in result;
}

/** The page of an address that no table translates. */
export function bare(address: number): Page {
  return { address: address - address % PAGE_BYTES, writable: true };
}

/**
 * Second stage: a guest physical address to a physical page.
 * @param write the access that was asked for, which faults are named after
 * @param implicit whether it is the first stage that reads a table here, whatever the access does
 */
export function walkSecondStage(
  memory: PhysicalMemory,
  root: number,
  guest: number,
  write: boolean,
  implicit = false,
): Page | Fault {
  const refused = {
    cause: write ? Cause.STORE_GUEST_PAGE_FAULT : Cause.LOAD_GUEST_PAGE_FAULT,
    guestAddress: guest - guest % 4 + (implicit ? 1 : 0),
  };
  if (guest >= SECOND_STAGE_LIMIT) return refused;
  const leaf = walk(
    memory,
    root,
    guest,
    write && !implicit,
    SECOND_STAGE_LIMIT,
    bare,
  );
  if (leaf === "page") return refused;
  if (leaf === "access") return accessFault(write);
  return leaf;
}

/**
 * First stage, or both: a virtual address of the device (iova) to a physical page.
 * @param secondRoot root of the second stage; undefined where it is bare
 */
export function walkFirstStage(
  memory: PhysicalMemory,
  root: number,
  secondRoot: number | undefined,
  iova: number,
  write: boolean,
): Page | Fault {
  // Bits above 38 must copy bit 38; addresses here are non-negative, so the upper half is out of reach.
  if (iova >= FIRST_STAGE_LIMIT / 2) return pageFault(write);
  const throughSecond = (guest: number, implicit: boolean) =>
    secondRoot === undefined
      ? bare(guest)
      : walkSecondStage(memory, secondRoot, guest, write, implicit);
  const leaf = walk(
    memory,
    root,
    iova,
    write,
    FIRST_STAGE_LIMIT,
    (guest) => throughSecond(guest, true),
  );
  if (leaf === "page") return pageFault(write);
  if (leaf === "access") return accessFault(write);
  if (isFault(leaf)) return leaf;
  const final = throughSecond(leaf.address + iova % PAGE_BYTES, false);
  if (isFault(final)) return final;
  return { address: final.address, writable: leaf.writable && final.writable };
}

/**
 * One walk from a root to the leaf of an address.
 * @param locate finds the page that an entry of a table is in
 */
function walk(
  memory: PhysicalMemory,
  root: number,
  address: number,
  write: boolean,
  limit: number,
  locate: (table: number) => Page | Fault,
): Page | Fault | "page" | "access" {
  let table = root;
  for (let level = LEVELS - 1; level >= 0; level--) {
    const span = PAGE_BYTES * 2 ** (LEVEL_BITS * level);
    const entries = level === LEVELS - 1 ? limit / span : 2 ** LEVEL_BITS;
    const entry = table + (Math.floor(address / span) % entries) * 8;
    const located = locate(entry);
    if (isFault(located)) return located;
    const at = located.address + entry % PAGE_BYTES;
    const low = memory.load32(at), high = memory.load32(at + 4);
    if (low === undefined || high === undefined) return "access";
    if ((low & Pte.V) === 0 || (low & Pte.W) !== 0 && (low & Pte.R) === 0) return "page";
    if ((high & PTE_RESERVED_HIGH) !== 0) return "page";
    const target = ptePage(low, high) * PAGE_BYTES;
    if ((low & (Pte.R | Pte.X)) === 0) {
      if ((low & (Pte.A | Pte.D | Pte.U)) !== 0) return "page";
      table = target;
      continue;
    }
    if ((low & Pte.U) === 0 || target % span !== 0) return "page";
    const writable = (low & Pte.W) !== 0 && (low & Pte.D) !== 0;
    if ((low & Pte.A) === 0 || (write ? !writable : (low & Pte.R) === 0)) return "page";
    const within = Math.floor((address % span) / PAGE_BYTES) * PAGE_BYTES;
    return { address: target + within, writable };
  }
  return "page";
}

function pageFault(write: boolean): Fault {
  return { cause: write ? Cause.STORE_PAGE_FAULT : Cause.LOAD_PAGE_FAULT, guestAddress: 0 };
}

function accessFault(write: boolean): Fault {
  return { cause: write ? Cause.STORE_ACCESS_FAULT : Cause.LOAD_ACCESS_FAULT, guestAddress: 0 };
}
