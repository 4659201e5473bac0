// The memory object of a domain as its components see it: an allocator that only goes forward.
import type { DmaBuffer, DomainMemory } from "./environment.ts";
import { E, fail } from "./errno.ts";

const PAGE_BYTES = 4096;

/** Hands out page-aligned, zeroed pieces of `buffer`, whose byte 0 has physical address `base`. */
export function createDomainMemory(buffer: ArrayBufferLike, base: number): DomainMemory {
  const bytes = new Uint8Array(buffer);
  let used = 0;
  return {
    base,
    bytes,
    get freeBytes() {
      return bytes.length - used;
    },
    allocate(sizeBytes: number): DmaBuffer {
      const size = Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES;
      if (size > bytes.length - used) fail(E.ENOMEM);
      const offset = used;
      used += size;
      return { address: base + offset, bytes: bytes.subarray(offset, offset + size) };
    },
  };
}
