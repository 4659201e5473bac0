// Appends records to a log for as long as it lives, and says of each that it is durable once it is.
// Argument: the log.
import type { Sys } from "../mod.ts";
import { record } from "../examples/programs/record_writer.ts";

const O_WRONLY = 1, O_CREAT = 0o100;

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const fd = await sys.open(argv[1], O_WRONLY | O_CREAT, 0o644);
  for (let number = 0;; number++) {
    await sys.writeAll(fd, record(number));
    await sys.fsync(fd);
    await sys.print(String(number + 1));
  }
}
