// Opens and closes files of a folder over and over: paths are walked, handles come and go. Arguments: files,
// threads, times in all.
import type { Sys } from "../../mod.ts";
import { timed } from "./timed.ts";

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const [files, threads, times] = argv.slice(1).map(Number);
  await sys.mkdir("/storm");
  for (let index = 0; index < files; index++) {
    await sys.writeFile(`/storm/${index}`, new Uint8Array(1));
  }
  await timed(sys, threads, times, async (own, count, thread) => {
    for (let time = 0; time < count; time++) {
      await own.close(await own.open(`/storm/${(thread * count + time) % files}`));
    }
  });
}
