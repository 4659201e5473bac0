// The command queue (RISC-V IOMMU specification 1.0, section 3.1): a ring in memory by which software
// invalidates what the IOMMU has cached. One producer (`tail`), the IOMMU consumes (`head`).
import type { PhysicalMemory } from "../physical_memory.ts";
import { Command, COMMAND_BYTES } from "./format.ts";

/** What the commands act upon; undefined means every one. */
export interface Invalidations {
  invalidateContexts(deviceId: number | undefined): void;
  invalidatePages(
    guestContext: number | undefined,
    processContext: number | undefined,
    address: number | undefined,
  ): void;
}

export class CommandQueue {
  /** `cqh` and `cqt`: indices of entries */
  head = 0;
  tail = 0;
  /** `cqcsr.cmd_ill`: the command at `head` is not one; nothing more is taken until it is cleared */
  illegal = false;
  /** `cqcsr.cqmf`: the queue or the address of a fence is not memory */
  memoryFault = false;
  #base = 0;
  #entries = 0;

  constructor(private readonly memory: PhysicalMemory, private readonly target: Invalidations) {}

  /** `cqb`: where the queue is; `entries` is a power of two */
  configure(base: number, entries: number): void {
    this.#base = base;
    this.#entries = entries;
    this.head = this.tail = 0;
    this.illegal = this.memoryFault = false;
  }

  /** Puts a command in the queue, as software does. @throws RangeError when the queue is full */
  submit(words: readonly [number, number, number, number]): void {
    const next = (this.tail + 1) % this.#entries;
    if (next === this.head) throw new RangeError("IOMMU command queue is full");
    const view = this.memory.view(this.#base + this.tail * COMMAND_BYTES, COMMAND_BYTES);
    if (view === undefined) throw new RangeError("IOMMU command queue is not in memory");
    new Uint32Array(view.buffer, view.byteOffset, 4).set(words);
    this.tail = next;
  }

  /** Carries out the commands that wait. @returns how many */
  run(): number {
    let count = 0;
    while (this.head !== this.tail && !this.illegal && !this.memoryFault) {
      const at = this.#base + this.head * COMMAND_BYTES;
      const words = [0, 4, 8, 12].map((offset) => this.memory.load32(at + offset));
      if (words.includes(undefined)) {
        this.memoryFault = true;
        break;
      }
      if (!this.#execute(words as number[])) break;
      this.head = (this.head + 1) % this.#entries;
      count++;
    }
    return count;
  }

  #execute([low, high, addressLow, addressHigh]: number[]): boolean {
    // IOTINVAL: AV bit 10, PSCID bits 12 to 31, PSCV bit 32, GV bit 33, GSCID bits 44 to 59.
    const address = ((addressHigh >>> 0) * 0x1_0000_0000 + (addressLow >>> 0)) / 1024 >= 0 &&
        (low & 1 << 10) !== 0
      ? Math.floor(((addressHigh >>> 0) * 0x1_0000_0000 + (addressLow >>> 0)) / 1024) * 4096
      : undefined;
    const guest = (high & 2) !== 0 ? high >>> 12 & 0xffff : undefined;
    switch (low & 0x3ff) {
      case Command.IOTINVAL_VMA:
        this.target.invalidatePages(guest, (high & 1) !== 0 ? low >>> 12 : undefined, address);
        return true;
      case Command.IOTINVAL_GVMA:
        // A second-stage change may be behind any translation of the guest.
        this.target.invalidatePages(guest, undefined, undefined);
        return true;
      case Command.IODIR_INVAL_DDT:
        // DV bit 33, DID bits 40 to 63.
        this.target.invalidateContexts((high & 2) !== 0 ? high >>> 8 : undefined);
        return true;
      case Command.IOFENCE_C:
        return this.#fence(low, high, addressLow, addressHigh);
      default:
        this.illegal = true;
        return false;
    }
  }

  /** Earlier commands are done by now; with AV set, says so by writing DATA to ADDR. */
  #fence(low: number, data: number, addressLow: number, addressHigh: number): boolean {
    if ((low & 1 << 10) === 0) return true;
    const address = ((addressHigh >>> 0) * 0x1_0000_0000 + (addressLow >>> 0)) * 4;
    const view = this.memory.view(address, 4);
    if (view === undefined) {
      this.memoryFault = true;
      return false;
    }
    new DataView(view.buffer, view.byteOffset).setUint32(0, data, true);
    return true;
  }
}
