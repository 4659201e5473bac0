// Reads 4 KiB of a cached file over and over, in several threads, and prints calls a second.
// Arguments: threads, calls in all.
import type { Sys } from "../mod.ts";

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const threads = Number(argv[1]), calls = Number(argv[2]);
  const pages = 64;
  await sys.writeFile("/cached", new Uint8Array(pages * 4096));
  const fd = await sys.open("/cached");
  const read = async (own: Sys, count: number) => {
    const buffer = new Uint8Array(4096);
    for (let call = 0; call < count; call++) await own.pread(fd, buffer, (call % pages) * 4096);
  };
  await read(sys, 20_000);
  const start = await sys.clock(1);
  await Promise.all(
    Array.from({ length: threads }, () => sys.thread((own) => read(own, calls / threads))),
  );
  await sys.print(String(calls / ((await sys.clock(1)) - start) * 1e3));
}
