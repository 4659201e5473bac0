// Calls the storage domain without a pause for a time, and tells what it felt: how many calls were answered,
// and how long the longest took. Arguments: "read" (4 KiB of a cached file) or "sync" (a record, and fsync),
// seconds.
import { O, type Sys } from "../../mod.ts";

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const syncs = argv[1] === "sync", ms = Number(argv[2]) * 1e3;
  const buffer = new Uint8Array(4096);
  await sys.writeFile("/steady", buffer);
  const fd = await sys.open("/steady", O.RDWR);
  const start = await sys.clock(1);
  let now = start, calls = 0, longest = 0;
  while (now - start < ms) {
    if (syncs) {
      await sys.pwrite(fd, buffer.subarray(0, 64), (calls % 64) * 64);
      await sys.fsync(fd);
    } else if (await sys.pread(fd, buffer, 0) !== buffer.length) {
      throw new Error("Cannot read /steady: it is shorter than it was");
    }
    const before = now;
    now = await sys.clock(1);
    longest = Math.max(longest, now - before);
    calls++;
  }
  await sys.print(`${calls} calls, the longest took ${longest.toFixed(3)} ms`);
}
