// A byte goes to another thread and back through two pipes, over and over: what waking a thread costs. No
// service domain is asked, so placement makes no difference. Argument: times.
import type { Sys } from "../../mod.ts";
import { timed } from "./timed.ts";

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const [there, here] = [await sys.pipe(), await sys.pipe()];
  const byte = new Uint8Array(1);
  const echo = sys.thread(async (own) => {
    const echoed = new Uint8Array(1);
    while (await own.read(there[0], echoed) === 1) await own.write(here[1], echoed);
  });
  await timed(sys, 1, Number(argv[1]), async (own, count) => {
    for (let time = 0; time < count; time++) {
      await own.write(there[1], byte);
      await own.read(here[0], byte);
    }
  });
  await sys.close(there[1]);
  await echo;
}
