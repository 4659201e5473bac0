// A world of one file with pages to write to: for tests of writes that nobody waits for.
import { SEEK } from "../../../vfs/constants.ts";
import { Call } from "../../../vfs/protocol.ts";
import { PAGE_BYTES } from "../page_pool.ts";
import { FilesWorld } from "./files_world.ts";

export const FILE = 7, OTHER = 8;
export const PLENTY = 1 << 30;
export const pageOf = (value: number) => new Uint8Array(PAGE_BYTES).fill(value);
export const nothing = new Uint8Array(0);

/** A world with room, and a file of some pages whose end is known. */
export function worldOfPages(pages: number, contract?: "retry" | "error", depth = 16) {
  const world = new FilesWorld(64, depth, contract);
  world.spareBytes = PLENTY;
  world.files.set(FILE, new Uint8Array(pages * PAGE_BYTES).fill(1));
  world.settle();
  const handle = world.open(FILE);
  end(world, handle);
  return { world, handle };
}

/** Where a file ends, as its server says. */
export function end(world: FilesWorld, handle: number): number {
  return world.call(Call.LSEEK, [handle, 0, SEEK.END], nothing);
}

/** Begins a write. */
export function write(world: FilesWorld, handle: number, offset: number, bytes: Uint8Array) {
  return world.begin(Call.PWRITE64, [handle, offset, 0], bytes);
}

/** Calls that the server took, in order. */
export function numbersOf(world: FilesWorld): number[] {
  return world.taken.map(({ request }) => request.number);
}
