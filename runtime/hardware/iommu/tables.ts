// The hypervisor's side of the IOMMU: builds the device directory and the second-stage tables in
// memory of its own, and keeps the contexts of devices as domains come and go.
import type { IommuContextPlan } from "../../../schemas/machine_plan.ts";
import type { PhysicalMemory } from "../physical_memory.ts";
import {
  Command,
  Context,
  CONTEXT_BYTES,
  DirectoryMode,
  makePte,
  PAGE_BYTES,
  Pte,
  TC_VALID,
  Translation,
} from "./format.ts";
import type { Iommu } from "./iommu.ts";

const QUEUE_ENTRIES = 128;
const SUPERPAGE_BYTES = 2 << 20;
/** Root tables of Sv39x4 are four pages, aligned to that. */
const SECOND_ROOT_BYTES = 4 * PAGE_BYTES;
const LEAF = Pte.V | Pte.R | Pte.W | Pte.U | Pte.A | Pte.D;

/** Hypervisor memory for `contexts`: directory, two queues, and tables for windows of 4 KiB pages at worst. */
export function iommuTableBytes(contexts: readonly IommuContextPlan[]): number {
  const tables = contexts.reduce((sum, context) =>
    sum + 2 * SECOND_ROOT_BYTES +
    context.windows.reduce(
      (pages, window) => pages + (Math.ceil(window.sizeBytes / SUPERPAGE_BYTES) + 4) * PAGE_BYTES,
      0,
    ), 0);
  return 3 * PAGE_BYTES + tables;
}

export class IommuTables {
  readonly #bytes: DataView;
  #used = 3 * PAGE_BYTES;
  readonly #secondRoots = new Map<number, number>();

  /** @param base physical address of `buffer`, which is zero and already in `memory`; page aligned */
  constructor(
    private readonly iommu: Iommu,
    memory: PhysicalMemory,
    private readonly base: number,
    buffer: ArrayBufferLike,
  ) {
    this.#bytes = new DataView(buffer);
    if (memory.extent(base) < buffer.byteLength) {
      throw new RangeError("IOMMU tables are not in physical memory");
    }
    iommu.commands.configure(base + PAGE_BYTES, QUEUE_ENTRIES);
    iommu.faults.configure(base + 2 * PAGE_BYTES, QUEUE_ENTRIES);
    iommu.setDirectory(DirectoryMode.ONE_LEVEL, base);
  }

  /** Lets a device in: confined to its windows, without a first stage until its driver sets one. */
  admit(context: IommuContextPlan): void {
    let root = this.#secondRoots.get(context.deviceId);
    if (root === undefined) {
      root = this.#allocate(SECOND_ROOT_BYTES, SECOND_ROOT_BYTES);
      for (const window of context.windows) this.#mapWindow(root, window.address, window.sizeBytes);
      this.#secondRoots.set(context.deviceId, root);
    }
    const at = context.deviceId * CONTEXT_BYTES;
    const page = root / PAGE_BYTES;
    this.#bytes.setUint32(at + Context.IOHGATP, page >>> 0, true);
    const mode = Translation.SV39X4 << 28 | context.guestContext << 12 |
      Math.floor(page / 0x1_0000_0000);
    this.#bytes.setUint32(at + Context.IOHGATP + 4, mode >>> 0, true);
    this.#bytes.setUint32(at + Context.TA, context.processContext << 12, true);
    this.#bytes.setUint32(at + Context.TA + 4, 0, true);
    // Until the driver has a first stage its device reaches nothing: an empty one is at address zero.
    this.setFirstStage(context.deviceId, 0);
    this.#bytes.setUint32(at + Context.TC, TC_VALID, true);
    this.#invalidate(context.deviceId);
  }

  /** Points a device to the first-stage root that its driver built (a guest physical address). */
  setFirstStage(deviceId: number, root: number): void {
    const at = deviceId * CONTEXT_BYTES + Context.FSC;
    const page = Math.floor(root / PAGE_BYTES);
    this.#bytes.setUint32(at, page >>> 0, true);
    this.#bytes.setUint32(
      at + 4,
      (Translation.SV39 << 28 | Math.floor(page / 0x1_0000_0000) & 0xfff) >>> 0,
      true,
    );
    this.#invalidate(deviceId);
  }

  /** Shuts a device out: from here on each of its accesses is a fault. */
  fence(deviceId: number): void {
    this.#bytes.setUint32(deviceId * CONTEXT_BYTES + Context.TC, 0, true);
    this.#invalidate(deviceId);
  }

  /** Forgets the translations of one device's first stage, for its driver. */
  invalidatePages(context: IommuContextPlan): void {
    this.iommu.commands.submit([
      Command.IOTINVAL_VMA | context.processContext << 12,
      1 | 2 | context.guestContext << 12,
      0,
      0,
    ]);
    this.iommu.commands.run();
  }

  #invalidate(deviceId: number): void {
    this.iommu.commands.submit([Command.IODIR_INVAL_DDT, 2 | deviceId << 8, 0, 0]);
    this.iommu.commands.run();
  }

  #mapWindow(root: number, address: number, sizeBytes: number): void {
    for (let at = address; at < address + sizeBytes;) {
      const big = at % SUPERPAGE_BYTES === 0 && address + sizeBytes - at >= SUPERPAGE_BYTES;
      const middle = this.#table(root + Math.floor(at / 2 ** 30) * 8);
      const entry = middle + (Math.floor(at / SUPERPAGE_BYTES) % 512) * 8;
      if (big) this.#store(entry, makePte(at, LEAF));
      else {this.#store(
          this.#table(entry) + (Math.floor(at / PAGE_BYTES) % 512) * 8,
          makePte(at, LEAF),
        );}
      at += big ? SUPERPAGE_BYTES : PAGE_BYTES;
    }
  }

  /** The table that an entry points to, made where there is none. */
  #table(entry: number): number {
    const low = this.#bytes.getUint32(entry - this.base, true);
    if ((low & Pte.V) !== 0) return (low >>> 10) * PAGE_BYTES;
    const table = this.#allocate(PAGE_BYTES, PAGE_BYTES);
    this.#store(entry, makePte(table, Pte.V));
    return table;
  }

  #store(at: number, [low, high]: [number, number]): void {
    this.#bytes.setUint32(at - this.base, low, true);
    this.#bytes.setUint32(at - this.base + 4, high, true);
  }

  #allocate(sizeBytes: number, alignment: number): number {
    const address = Math.ceil((this.base + this.#used) / alignment) * alignment;
    this.#used = address - this.base + sizeBytes;
    if (this.#used > this.#bytes.byteLength) {
      throw new RangeError("IOMMU tables do not fit in the hypervisor's memory");
    }
    return address;
  }
}
