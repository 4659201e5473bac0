// A program that goes on when calls fail, and says what it saw: it makes pages of a file durable, and opens
// another file whenever a descriptor is of no use any more. It ends once so many pages in a row were good
// after the last failure, or after as many failures as no outage has. Arguments: pages.
import type { PosixError, Sys } from "../../mod.ts";

const O_RDWR = 2, O_CREAT = 0o100;
const MOST_FAILURES = 2000;

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  const wanted = Number(argv[1]);
  const page = new Uint8Array(4096).fill(7);
  const seen: Record<string, number> = {};
  let fd = -1, files = 0, row = 0, before = 0, failures = 0;
  while (failures < MOST_FAILURES && (failures === 0 || row < wanted)) {
    try {
      if (fd < 0) fd = await sys.open(`/file${files++}`, O_RDWR | O_CREAT, 0o644);
      await sys.pwrite(fd, page, row * page.length);
      await sys.fsync(fd);
      row++;
    } catch (failure) {
      const { name, call } = failure as PosixError;
      seen[`${call} ${name}`] = (seen[`${call} ${name}`] ?? 0) + 1;
      if (failures++ === 0) before = row;
      row = 0;
      if (fd >= 0) await sys.close(fd).catch(() => {});
      fd = -1;
    }
    await sys.sleep(2);
  }
  await sys.print(JSON.stringify({ before, after: row, seen }));
}
