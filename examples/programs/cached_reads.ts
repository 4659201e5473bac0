// Reads of a file that the page cache holds, over and over: what copying costs. Arguments: bytes a read,
// threads, reads in all.
import type { Sys } from "../../mod.ts";
import { timed } from "./timed.ts";

const FILE_BYTES = 4 << 20;

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const [size, threads, reads] = argv.slice(1).map(Number);
  await sys.writeFile("/cached", new Uint8Array(FILE_BYTES));
  const fd = await sys.open("/cached");
  const places = Math.floor(FILE_BYTES / size);
  await timed(sys, threads, reads, async (own, count, thread) => {
    const buffer = new Uint8Array(size);
    for (let read = 0; read < count; read++) {
      const got = await own.pread(fd, buffer, ((thread * count + read) % places) * size);
      if (got !== size) throw new Error(`Cannot read ${size} bytes: there were ${got}`);
    }
  });
}
