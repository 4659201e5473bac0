// First-stage tables (Sv39) that a driver keeps for its device, in its domain's memory: what is not
// mapped here the device cannot reach, whatever a descriptor says.
import type { DmaBuffer, DomainMemory } from "../environment.ts";

const PAGE_BYTES = 4096;
const SUPERPAGE_BYTES = 2 << 20;
const VALID = 1;
const READ = 2, WRITE = 4, USER = 16, ACCESSED = 64, DIRTY = 128;

export class FirstStage {
  readonly #root: DmaBuffer;
  readonly #tables = new Map<number, DmaBuffer>();
  readonly #pool: DmaBuffer;
  #poolUsed = 0;

  /**
   * @param pages for tables, taken now: so the tables lie outside of whatever is mapped later, and a
   * device cannot rewrite its own
   */
  constructor(memory: DomainMemory, pages: number) {
    this.#pool = memory.allocate(pages * PAGE_BYTES);
    this.#root = this.#newTable();
  }

  /** physical address of the root table */
  get root(): number {
    return this.#root.address;
  }

  /**
   * Maps `sizeBytes` of the domain's memory at `iova`; addresses and size are page aligned.
   * Superpages are used where both addresses allow.
   * @throws RangeError when the tables need more pages than were set aside
   */
  map(iova: number, address: number, sizeBytes: number, permission: "read" | "write"): void {
    const flags = VALID | READ | USER | ACCESSED | (permission === "write" ? WRITE | DIRTY : 0);
    for (let done = 0; done < sizeBytes;) {
      const from = iova + done, to = address + done;
      const middle = this.#descend(this.#root, Math.floor(from / 2 ** 30) % 512);
      const index = Math.floor(from / SUPERPAGE_BYTES) % 512;
      if (
        from % SUPERPAGE_BYTES === 0 && to % SUPERPAGE_BYTES === 0 &&
        sizeBytes - done >= SUPERPAGE_BYTES
      ) {
        store(middle, index, to, flags);
        done += SUPERPAGE_BYTES;
      } else {
        store(this.#descend(middle, index), Math.floor(from / PAGE_BYTES) % 512, to, flags);
        done += PAGE_BYTES;
      }
    }
  }

  #descend(table: DmaBuffer, index: number): DmaBuffer {
    const entry = new DataView(table.bytes.buffer, table.bytes.byteOffset + index * 8, 8);
    if ((entry.getUint32(0, true) & VALID) !== 0) {
      return this.#tables.get(
        entry.getUint32(4, true) * 2 ** 34 + (entry.getUint32(0, true) >>> 10) * PAGE_BYTES,
      )!;
    }
    const next = this.#newTable();
    store(table, index, next.address, VALID);
    return next;
  }

  #newTable(): DmaBuffer {
    const offset = this.#poolUsed;
    if (offset + PAGE_BYTES > this.#pool.bytes.length) {
      throw new RangeError("First-stage tables are full");
    }
    this.#poolUsed += PAGE_BYTES;
    const table = {
      address: this.#pool.address + offset,
      bytes: this.#pool.bytes.subarray(offset, offset + PAGE_BYTES),
    };
    this.#tables.set(table.address, table);
    return table;
  }
}

/** Writes a page-table entry: page number in bits 10 to 53, flags below. */
function store(table: DmaBuffer, index: number, address: number, flags: number): void {
  const page = address / PAGE_BYTES;
  const entry = new DataView(table.bytes.buffer, table.bytes.byteOffset + index * 8, 8);
  entry.setUint32(4, Math.floor(page / 0x40_0000), true);
  entry.setUint32(0, ((page % 0x40_0000) << 10 | flags) >>> 0, true);
}
