// The fault queue (RISC-V IOMMU specification 1.0, section 3.2): records of what devices were refused,
// in a ring in memory. The IOMMU produces (`tail`), software consumes (`head`).
import type { PhysicalMemory } from "../physical_memory.ts";
import { FAULT_BYTES } from "./format.ts";

export interface FaultRecord {
  cause: number;
  /** TTYP: 2 read, 3 write */
  type: number;
  deviceId: number;
  /** iotval: the address that the device used */
  address: number;
  /** iotval2: the guest physical address, for guest page faults */
  guestAddress: number;
}

export class FaultQueue {
  head = 0;
  tail = 0;
  /** `fqcsr.fqof`: a record was dropped because the queue was full; none is written until cleared */
  overflow = false;
  /** `fqcsr.fqmf` */
  memoryFault = false;
  #base = 0;
  #entries = 0;

  constructor(private readonly memory: PhysicalMemory) {}

  /** `fqb`: where the queue is; `entries` is a power of two */
  configure(base: number, entries: number): void {
    this.#base = base;
    this.#entries = entries;
    this.head = this.tail = 0;
    this.overflow = this.memoryFault = false;
  }

  /** Writes a record, as the IOMMU does. */
  push(record: FaultRecord): void {
    if (this.#entries === 0 || this.overflow || this.memoryFault) return;
    const next = (this.tail + 1) % this.#entries;
    if (next === this.head) {
      this.overflow = true;
      return;
    }
    const view = this.#entry(this.tail);
    if (view === undefined) {
      this.memoryFault = true;
      return;
    }
    // CAUSE bits 0 to 11, PID 12 to 31, PV 32, PRIV 33, TTYP 34 to 39, DID 40 to 63; then iotval at 16, iotval2 at 24.
    view.setUint32(0, record.cause, true);
    view.setUint32(4, record.type << 2 | record.deviceId << 8, true);
    view.setBigUint64(8, 0n, true);
    view.setBigUint64(16, BigInt(record.address), true);
    view.setBigUint64(24, BigInt(record.guestAddress), true);
    this.tail = next;
  }

  /** Whether there is a record to take. */
  get pending(): boolean {
    return this.head !== this.tail;
  }

  /** Takes the oldest record, as software does; undefined where there is none. */
  take(): FaultRecord | undefined {
    if (!this.pending) return undefined;
    const view = this.#entry(this.head);
    if (view === undefined) return undefined;
    this.head = (this.head + 1) % this.#entries;
    this.overflow = false;
    const high = view.getUint32(4, true);
    return {
      cause: view.getUint32(0, true) & 0xfff,
      type: high >>> 2 & 0x3f,
      deviceId: high >>> 8,
      address: Number(view.getBigUint64(16, true)),
      guestAddress: Number(view.getBigUint64(24, true)),
    };
  }

  #entry(index: number): DataView | undefined {
    const view = this.memory.view(this.#base + index * FAULT_BYTES, FAULT_BYTES);
    return view && new DataView(view.buffer, view.byteOffset, FAULT_BYTES);
  }
}
