// A program that writes a file and ends without any sync. Argument: the file's path.
import type { Sys } from "../../mod.ts";

/** What is in the file. */
export const UNSYNCED = "not synced by anybody\n";

export default async function main(sys: Sys, argv: string[]): Promise<number> {
  await sys.writeFile(argv[1], new TextEncoder().encode(UNSYNCED));
  return 0;
}
