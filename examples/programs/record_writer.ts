// Appends records to a log and makes each durable before it says so. Arguments: the log, how many
// records, and every how many it reports.
import type { Sys } from "../../mod.ts";

const O_WRONLY = 1, O_CREAT = 0o100, O_TRUNC = 0o1000;
export const RECORD_BYTES = 256;

/** A record: its number in the first four bytes, then a pattern that follows from it. */
export function record(number: number): Uint8Array {
  const bytes = Uint8Array.from({ length: RECORD_BYTES }, (_, at) => (number * 13 + at) & 0xff);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

export default async function main(sys: Sys, argv: string[]): Promise<number> {
  const [, path, countText, everyText] = argv;
  const count = Number(countText), every = Number(everyText);
  const fd = await sys.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644);
  for (let number = 0; number < count; number++) {
    await sys.writeAll(fd, record(number));
    await sys.fsync(fd);
    if ((number + 1) % every === 0) {
      await sys.print(`${number + 1} of ${count} records are durable`);
    }
  }
  await sys.close(fd);
  return 0;
}
