// A program that appends to files in turn until the disk is full, syncs them, and reads them again. Whatever
// a write has answered must be there, and no fsync may tell of anything else. Arguments: the files' paths.
import type { Sys } from "../../mod.ts";

const CREATE_APPEND = 0o2102;

/** What a file has at a place. */
const byteAt = (file: number, offset: number) => file * 40 + offset % 251 & 255;

export default async function main(sys: Sys, argv: string[]): Promise<number> {
  const files: { fd: number; size: number }[] = [];
  for (const path of argv.slice(1)) {
    files.push({ fd: await sys.open(path, CREATE_APPEND), size: 0 });
  }
  for (let step = 0, full = 0; full < files.length; step++) {
    const index = step % files.length, file = files[index];
    const bytes = new Uint8Array(1 + step * 7919 % 50_000);
    for (let at = 0; at < bytes.length; at++) bytes[at] = byteAt(index, file.size + at);
    try {
      const count = await sys.write(file.fd, bytes);
      file.size += count;
      full = count < bytes.length ? full + 1 : 0;
    } catch (failure) {
      if ((failure as Error).name !== "ENOSPC") throw failure;
      full++;
    }
  }
  for (const { fd } of files) await sys.fsync(fd);
  for (const [index, { fd, size }] of files.entries()) {
    const bytes = new Uint8Array(64 << 10);
    let offset = 0;
    for (let count = -1; count !== 0; offset += count) {
      count = await sys.pread(fd, bytes, offset);
      for (let at = 0; at < count; at++) {
        if (bytes[at] !== byteAt(index, offset + at)) throw new Error(`${index} at ${offset + at}`);
      }
    }
    if (offset !== size) throw new Error(`${index} has ${offset} bytes of ${size}`);
  }
  await sys.print(`${files.reduce((sum, { size }) => sum + size, 0) >> 20} MiB\n`);
  return 0;
}
