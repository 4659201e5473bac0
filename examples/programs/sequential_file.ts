// Writes, or reads, a file from front to back, 1 MiB at a time; larger than the page cache, so that it goes to
// the disk or comes from there. Arguments: "write" or "read", MiB.
import { O, type Sys } from "../../mod.ts";

const MIB = 1 << 20;
const PATH = "/sequential";

async function write(sys: Sys, count: number): Promise<void> {
  const buffer = new Uint8Array(MIB).fill(7);
  const fd = await sys.open(PATH, O.WRONLY | O.CREAT | O.TRUNC, 0o644);
  for (let part = 0; part < count; part++) await sys.writeAll(fd, buffer);
  await sys.fsync(fd);
  await sys.close(fd);
}

async function read(sys: Sys, count: number): Promise<void> {
  const buffer = new Uint8Array(MIB);
  const fd = await sys.open(PATH);
  for (let part = 0; part < count; part++) {
    for (let done = 0; done < MIB;) {
      const got = await sys.read(fd, buffer.subarray(done));
      if (got === 0) throw new Error(`Cannot read ${PATH}: it ends after ${part} MiB`);
      done += got;
    }
  }
  await sys.close(fd);
}

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const count = Number(argv[2]);
  // The first pass makes the file and compiles the kernel's code; it does not count.
  await write(sys, count);
  const start = await sys.clock(1);
  await (argv[1] === "write" ? write : read)(sys, count);
  const ms = (await sys.clock(1)) - start;
  await sys.print(`${(count / ms * 1e3).toFixed(1)} MiB a second`);
}
