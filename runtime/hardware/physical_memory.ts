// The machine's physical address space as the IOMMU and the device models see it: pieces of host
// memory at their physical addresses. What is not in a piece is not there.

interface Region {
  base: number;
  end: number;
  bytes: Uint8Array;
  words: Uint32Array;
}

export class PhysicalMemory {
  #regions: Region[] = [];

  /** @param base page-aligned physical address @throws RangeError when it overlaps another region */
  add(base: number, buffer: ArrayBufferLike): void {
    const end = base + buffer.byteLength;
    const clash = this.#regions.find((region) => base < region.end && region.base < end);
    if (clash) throw new RangeError(`Physical memory ${hex(base)} overlaps ${hex(clash.base)}`);
    this.#regions.push({
      base,
      end,
      bytes: new Uint8Array(buffer),
      words: new Uint32Array(buffer),
    });
  }

  /** Takes the region that begins at `base` away. */
  remove(base: number): void {
    this.#regions = this.#regions.filter((region) => region.base !== base);
  }

  /** A view of a range that lies in one region; undefined where there is no such memory. */
  view(address: number, length: number): Uint8Array | undefined {
    const region = this.#find(address, length);
    return region?.bytes.subarray(address - region.base, address - region.base + length);
  }

  /** How many bytes from `address` on lie in one region. */
  extent(address: number): number {
    const region = this.#find(address, 1);
    return region === undefined ? 0 : region.end - address;
  }

  /** The aligned 32-bit word at an address; undefined where there is no memory. */
  load32(address: number): number | undefined {
    const region = this.#find(address, 4);
    return region?.words[(address - region.base) >>> 2];
  }

  #find(address: number, length: number): Region | undefined {
    const regions = this.#regions;
    for (let index = 0; index < regions.length; index++) {
      const region = regions[index];
      if (address >= region.base && address + length <= region.end) return region;
    }
    return undefined;
  }
}

/** An address for people: 0x8000_0000 as "0x80000000". */
export function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
