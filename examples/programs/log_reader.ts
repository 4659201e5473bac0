// Follows a log while another program writes it, and checks every record. Arguments: the log, and how
// many records there will be.
import type { Sys } from "../../mod.ts";
import { record, RECORD_BYTES } from "./record_writer.ts";

const PAUSE_MS = 5;

export default async function main(sys: Sys, argv: string[]): Promise<number> {
  const [, path, countText] = argv;
  const count = Number(countText);
  const fd = await openWhenThere(sys, path);
  const bytes = new Uint8Array(RECORD_BYTES);
  for (let number = 0; number < count; number++) {
    while (await sys.pread(fd, bytes, number * RECORD_BYTES) < RECORD_BYTES) {
      await sys.sleep(PAUSE_MS);
    }
    const expected = record(number);
    if (!bytes.every((byte, at) => byte === expected[at])) {
      await sys.printError(`record ${number} is not what was written`);
      return 1;
    }
  }
  await sys.print(`all ${count} records are right`);
  return 0;
}

async function openWhenThere(sys: Sys, path: string): Promise<number> {
  for (;;) {
    try {
      return await sys.open(path);
    } catch (failure) {
      if ((failure as Error).name !== "ENOENT") throw failure;
      await sys.sleep(PAUSE_MS);
    }
  }
}
