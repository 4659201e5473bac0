// Writes, or reads, a file from front to back, 1 MiB at a time, and prints MiB a second.
// Arguments: "write" or "read", MiB to begin with that do not count, MiB that do.
import type { Sys } from "../mod.ts";

const MIB = 1 << 20;

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const warmUp = Number(argv[2]), count = Number(argv[3]);
  const buffer = new Uint8Array(MIB).fill(7);
  const fd = argv[1] === "write"
    ? await sys.open("/sequential", 0o102 | 0o1000, 0o644)
    : await sys.open("/sequential");
  let start = 0;
  for (let part = -warmUp; part < count; part++) {
    if (part === 0) {
      if (argv[1] === "write") await sys.fsync(fd);
      start = await sys.clock(1);
    }
    if (argv[1] === "write") await sys.writeAll(fd, buffer);
    else for (let done = 0; done < MIB;) done += await sys.read(fd, buffer.subarray(done));
  }
  if (argv[1] === "write") await sys.fsync(fd);
  await sys.print(String(count / ((await sys.clock(1)) - start) * 1e3));
}
