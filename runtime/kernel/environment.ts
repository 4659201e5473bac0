// What a component is handed of the world: its domain's clock, tasks, entropy and memory.
// Components reach the outside through this and through their neighbours, and in no other way.
import type { Tasks } from "./coroutine.ts";

/** A piece of the domain's memory that devices may reach once it is mapped in the IOMMU. */
export interface DmaBuffer {
  /** physical address of the first byte, as a device context's first stage must produce it */
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** The memory object of a domain, and the allocator over it. */
export interface DomainMemory {
  /** physical address of byte 0 (page aligned) */
  readonly base: number;
  /** the whole object; may lie over a SharedArrayBuffer or over mapped memory */
  readonly bytes: Uint8Array;
  /** bytes not handed out yet */
  readonly freeBytes: number;
  /**
   * Takes `sizeBytes`, aligned to 4096, zeroed, never given back (kernel memory is set up at start).
   * @throws Errno ENOMEM
   */
  allocate(sizeBytes: number): DmaBuffer;
}

export interface Environment {
  /** CLOCK_MONOTONIC in nanoseconds */
  nowNs(): number;
  /** CLOCK_REALTIME in nanoseconds since 1970 */
  realtimeNs(): bigint;
  /** fills with random bytes */
  random(into: Uint8Array): void;
  readonly tasks: Tasks;
  readonly memory: DomainMemory;
  /** memory that the next instance of the domain gets as this one leaves it, where there is any */
  readonly keep?: Uint8Array;
  /** one line for the supervisor's log */
  log(message: string): void;
}
