// Sends records to itself over a TCP connection, several at a time, and looks whether they come back as they
// were; says how many did in each stretch of time. Ends where one did not. Argument: the port.
import type { Sys } from "../mod.ts";
import { record, RECORD_BYTES } from "../examples/programs/record_writer.ts";

const AF_INET = 2, SOCK_STREAM = 1;
const LOOPBACK = [127, 0, 0, 1];
const CLOCK_REALTIME = 0;
const STRETCH_MS = 20;
/** Records that are sent before any of them is read. */
const WINDOW = 8;

export default async function main(sys: Sys, argv: string[]): Promise<number> {
  const port = Number(argv[1]);
  const address = Uint8Array.of(AF_INET, 0, port >> 8, port, ...LOOPBACK, 0, 0, 0, 0, 0, 0, 0, 0);
  const listener = await sys.call("socket", "", AF_INET, SOCK_STREAM, 0);
  await sys.call("bind", "", listener, address);
  await sys.call("listen", "", listener, 1);
  void sys.thread(async (own) => {
    const fd = await own.call("accept", "", listener, { room: 0 });
    const piece = new Uint8Array(WINDOW * RECORD_BYTES);
    for (;;) await own.writeAll(fd, piece.subarray(0, await own.read(fd, piece)));
  });
  const fd = await sys.call("socket", "", AF_INET, SOCK_STREAM, 0);
  await sys.call("connect", "", fd, address);
  const sent = new Uint8Array(WINDOW * RECORD_BYTES), got = new Uint8Array(sent.length);
  let number = 0, count = 0, sinceMs = await sys.clock(CLOCK_REALTIME);
  for (;;) {
    for (let each = 0; each < WINDOW; each++) sent.set(record(number++), each * RECORD_BYTES);
    await sys.writeAll(fd, sent);
    for (let done = 0; done < got.length;) done += await sys.read(fd, got.subarray(done));
    if (!got.every((byte, at) => byte === sent[at])) return 1;
    count += WINDOW;
    const nowMs = await sys.clock(CLOCK_REALTIME);
    if (nowMs - sinceMs < STRETCH_MS) continue;
    await sys.print(`${sinceMs} ${nowMs} ${count}`);
    sinceMs = nowMs;
    count = 0;
  }
}
