// Counts the records of a log that are not what was written. Arguments: the log, how many it is to have.
import type { Sys } from "../mod.ts";
import { record, RECORD_BYTES } from "../examples/programs/record_writer.ts";

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const fd = await sys.open(argv[1]), count = Number(argv[2]);
  const bytes = new Uint8Array(RECORD_BYTES);
  let lost = 0;
  for (let number = 0; number < count; number++) {
    const got = await sys.pread(fd, bytes, number * RECORD_BYTES);
    const expected = record(number);
    if (got < RECORD_BYTES || !bytes.every((byte, at) => byte === expected[at])) lost++;
  }
  await sys.print(String(lost));
}
