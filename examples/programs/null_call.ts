// A system call that does nothing, over and over. Arguments: whose ("primary": getppid, or "storage": a read of
// no bytes), threads, calls in all.
import type { Sys } from "../../mod.ts";
import { timed } from "./timed.ts";

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const [, whose, threads, calls] = argv;
  await sys.writeFile("/null", new Uint8Array(1));
  const fd = await sys.open("/null");
  const nothing = new Uint8Array(0);
  await timed(sys, Number(threads), Number(calls), async (own, count) => {
    if (whose === "primary") { for (let call = 0; call < count; call++) await own.getppid(); }
    else for (let call = 0; call < count; call++) await own.pread(fd, nothing, 0);
  });
}
