// Reads a file of another domain for as long as it lives, and says how often in each stretch of time.
// Argument: the file.
import type { Sys } from "../mod.ts";

const STRETCH_MS = 50;
const CLOCK_REALTIME = 0;

export default async function main(sys: Sys, argv: string[]): Promise<void> {
  await sys.writeFile(argv[1], new Uint8Array(4096));
  const fd = await sys.open(argv[1]);
  const page = new Uint8Array(4096);
  let calls = 0, sinceMs = await sys.clock(CLOCK_REALTIME);
  for (;;) {
    for (let batch = 0; batch < 16; batch++) await sys.pread(fd, page, 0);
    calls += 16;
    const nowMs = await sys.clock(CLOCK_REALTIME);
    if (nowMs - sinceMs < STRETCH_MS) continue;
    await sys.print(`${sinceMs} ${nowMs} ${calls}`);
    sinceMs = nowMs;
    calls = 0;
  }
}
