// The instructions of a region as pieces of memory: what has to be there for the region to be right.
import { PAGE_BYTES } from "../translation_table.ts";
import type { CodeReader } from "./code_reader.ts";
import type { Region } from "./region.ts";

/** Instructions that a region was made of: the bytes at an address, within a page. */
export interface CodePiece {
  address: number;
  bytes: Uint8Array;
}

/** @param reader has read the region */
export function piecesOf(region: Region, reader: CodeReader): CodePiece[] {
  const sizes = new Map<number, number>();
  for (const { instructions, addresses } of region.blocks.values()) {
    addresses.forEach((address, index) => sizes.set(address, instructions[index].size));
  }
  const runs: { from: number; to: number }[] = [];
  for (const [address, size] of [...sizes].sort(([a], [b]) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && address <= last.to) last.to = Math.max(last.to, address + size);
    else runs.push({ from: address, to: address + size });
  }
  return runs.flatMap(({ from, to }) => {
    const pieces: CodePiece[] = [];
    while (from < to) {
      const next = Math.min(to, from - from % PAGE_BYTES + PAGE_BYTES);
      pieces.push({ address: from, bytes: reader.bytes(from, next - from) });
      from = next;
    }
    return pieces;
  });
}
