// A program with sockets: echoes what comes to a port, and as a client sends bytes there and looks whether
// they come back as they were. Arguments: "serve" port, or "exchange" port bytes.
import type { Sys } from "../../mod.ts";

const AF_INET = 2, SOCK_STREAM = 1, SOL_SOCKET = 1, SO_REUSEADDR = 2, SHUT_WR = 1;
const PIECE_BYTES = 16 << 10;

function address(port: number, ip = [0, 0, 0, 0]): Uint8Array {
  return Uint8Array.of(AF_INET, 0, port >> 8, port, ...ip, 0, 0, 0, 0, 0, 0, 0, 0);
}

/** What is at an offset of the stream: no two pieces are alike. */
function fill(bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; at++) {
    const place = offset + at;
    bytes[at] = place ^ place >> 8 ^ Math.imul(place >> 16, 37);
  }
}

async function listen(sys: Sys, port: number): Promise<number> {
  const listener = await sys.call("socket", "", AF_INET, SOCK_STREAM, 0);
  await sys.call("setsockopt", "", listener, SOL_SOCKET, SO_REUSEADDR, Uint8Array.of(1, 0, 0, 0));
  await sys.call("bind", "", listener, address(port));
  await sys.call("listen", "", listener, 16);
  return listener;
}

async function echo(sys: Sys, fd: number): Promise<void> {
  const piece = new Uint8Array(PIECE_BYTES);
  for (;;) {
    const count = await sys.read(fd, piece);
    if (count === 0) break;
    await sys.writeAll(fd, piece.subarray(0, count));
  }
  await sys.close(fd);
}

async function serve(sys: Sys, listener: number): Promise<never> {
  for (;;) {
    // Where calls fail with their server, the next one is as good as any.
    const fd = await sys.call("accept", "", listener, { room: 0 }).catch(() => -1);
    if (fd >= 0) void sys.thread((own) => echo(own, fd).catch(() => {}));
  }
}

async function exchange(sys: Sys, port: number, bytes: number): Promise<void> {
  const fd = await sys.call("socket", "", AF_INET, SOCK_STREAM, 0);
  await sys.call("connect", "", fd, address(port, [127, 0, 0, 1]));
  const send = async (own: Sys) => {
    const piece = new Uint8Array(5000);
    for (let sent = 0; sent < bytes; sent += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, bytes - sent));
      fill(part, sent);
      await own.writeAll(fd, part);
    }
    await own.call("shutdown", "", fd, SHUT_WR);
  };
  // What becomes of it is seen by who reads.
  void sys.thread((own) => send(own).catch(() => {}));
  const piece = new Uint8Array(PIECE_BYTES), expected = new Uint8Array(PIECE_BYTES);
  let got = 0;
  for (;;) {
    const count = await sys.read(fd, piece);
    if (count === 0) break;
    fill(expected.subarray(0, count), got);
    for (let at = 0; at < count; at++) {
      if (piece[at] !== expected[at]) throw new Error(`byte ${got + at} is not what was sent`);
    }
    got += count;
  }
  await sys.print(`${got} bytes came back`);
  await sys.close(fd);
}

export default async function main(sys: Sys, argv: string[]): Promise<number> {
  const [, mode, port, bytes] = argv;
  const listener = await listen(sys, Number(port));
  await sys.print("listening");
  if (mode === "serve") return await serve(sys, listener);
  void sys.thread((own) => serve(own, listener));
  try {
    await exchange(sys, Number(port), Number(bytes));
    return 0;
  } catch (failure) {
    await sys.print((failure as Error).name);
    return 1;
  }
}
