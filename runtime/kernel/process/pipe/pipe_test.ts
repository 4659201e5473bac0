// Pipes by themselves: order and wholeness of what passes, ends, sizes, readiness.
import { assertEquals } from "@std/assert";
import { type Coroutine, Tasks } from "../../coroutine.ts";
import { E, Errno } from "../../errno.ts";
import { POLL } from "../../vfs/constants.ts";
import { Pipe } from "./pipe.ts";

function opened(): { pipe: Pipe; run: <T>(body: Coroutine<T>) => { value?: T; errno?: number } } {
  const pipe = new Pipe();
  pipe.addReader();
  pipe.addWriter();
  const tasks = new Tasks(() => 0);
  const run = <T>(body: Coroutine<T>) => {
    const result: { value?: T; errno?: number } = {};
    tasks.spawn(body, (value, failure) => {
      if (failure instanceof Errno) result.errno = failure.errno;
      else result.value = value;
    });
    while (tasks.run() > 0);
    return result;
  };
  return { pipe, run };
}

const bytes = (length: number, first = 0) =>
  Uint8Array.from({ length }, (_, index) => first + index & 0xff);

Deno.test("bytes come out in the order in which they went in, around the end of the ring", () => {
  const { pipe, run } = opened();
  let sent = 0, got = 0;
  for (let round = 0; round < 200; round++) {
    const out = bytes(997 + round * 7, sent);
    assertEquals(run(pipe.write(out, true)).value, out.length);
    sent += out.length;
    const into = new Uint8Array(out.length);
    assertEquals(run(pipe.read(into, true)).value, out.length);
    assertEquals(into, bytes(into.length, got));
    got += into.length;
  }
});

Deno.test("a small write goes as one, a large one as far as it fits", () => {
  const { pipe, run } = opened();
  assertEquals(run(pipe.write(bytes(65536 - 100), true)).value, 65436);
  assertEquals(run(pipe.write(bytes(101), true)).errno, E.EAGAIN);
  assertEquals(pipe.pollWrite(POLL.OUT), 0);
  assertEquals(run(pipe.write(bytes(5000), true)).value, 100);
  const waiting = run(pipe.write(bytes(6000, 7), false));
  assertEquals(waiting.value, undefined);
  run(pipe.read(new Uint8Array(65536), true));
  assertEquals([waiting.value, pipe.available], [6000, 6000]);
});

Deno.test("ends show in reads, writes and readiness", () => {
  const { pipe, run } = opened();
  assertEquals(run(pipe.read(new Uint8Array(1), true)).errno, E.EAGAIN);
  run(pipe.write(bytes(3), true));
  pipe.removeWriter();
  assertEquals(pipe.pollRead(POLL.IN), POLL.IN | POLL.HUP);
  assertEquals(run(pipe.read(new Uint8Array(9), false)).value, 3);
  assertEquals(run(pipe.read(new Uint8Array(9), false)).value, 0);
  pipe.addWriter();
  const waiting = run(pipe.read(new Uint8Array(9), false));
  pipe.removeReader();
  assertEquals(run(pipe.write(bytes(1), false)).errno, E.EPIPE);
  assertEquals(pipe.pollWrite(POLL.OUT) & POLL.ERR, POLL.ERR);
  pipe.removeWriter();
  run(pipe.readable(true));
  assertEquals(waiting.value, 0);
});

Deno.test("another size keeps what is inside", () => {
  const { pipe, run } = opened();
  run(pipe.write(bytes(60_000), true));
  run(pipe.read(new Uint8Array(50_000), true));
  run(pipe.write(bytes(20_000, 60_000), true));
  const shrink = function* () {
    return pipe.resize(4096);
  };
  assertEquals(run(shrink()).errno, E.EBUSY);
  assertEquals(pipe.resize(40_000), 65536);
  assertEquals(pipe.resize(32_768), 32_768);
  const into = new Uint8Array(40_000);
  assertEquals(run(pipe.read(into, true)).value, 30_000);
  assertEquals(into.subarray(0, 30_000), bytes(30_000, 50_000));
});
