import { assertEquals } from "@std/assert";
import { BOOT_NS, longs, longsOf, smallKernel } from "../../../../tests/fixtures/small_kernel.ts";
import { E, Errno } from "../../errno.ts";

const S = 1e9;

Deno.test("clocks show the time of day, monotonic time and processor time", () => {
  const { start, threadOf, call, advance } = smallKernel();
  const process = start(), thread = threadOf(process);
  const clock = (number: number) => {
    const out = new Uint8Array(16);
    const status = call(process, "clock_gettime", number, out);
    return status === 0 ? longsOf(out) : status;
  };
  advance(2.9 * S);
  const wall = BOOT_NS + 2_900_000_000n;
  const day = [Number(wall / 1_000_000_000n), Number(wall % 1_000_000_000n)];
  for (const number of [0, 5, 11]) assertEquals(clock(number), day);
  for (const number of [1, 4, 6, 7]) assertEquals(clock(number), [2, 900_000_000]);
  thread.userNs = 1.5 * S;
  process.userNs = 1 * S;
  assertEquals(clock(2), [2, 500_000_000]);
  assertEquals(clock(3), [1, 500_000_000]);
  assertEquals(clock(~process.pid << 3 | 2), [2, 500_000_000], "of a process by its number");
  assertEquals(clock(~thread.tid << 3 | 6), [1, 500_000_000], "of a thread by its number");
  assertEquals(clock(~9999 << 3 | 2), "EINVAL");
  for (const number of [8, 9, 10, 12, 99, ~3 << 3 | 3]) assertEquals(clock(number), "EINVAL");
  const day2 = new Uint8Array(16), zone = new Uint8Array(8).fill(1);
  assertEquals(call(process, "gettimeofday", day2, zone), 0);
  assertEquals(longsOf(day2), [day[0], Math.floor(day[1] / 1000)]);
  assertEquals(zone, new Uint8Array(8));
});

Deno.test("the time of day stays exact where a 64-bit float would not", () => {
  const { start, call, advance } = smallKernel();
  const process = start(), out = new Uint8Array(16);
  for (let step = 1; step <= 3; step++) {
    advance(1);
    call(process, "clock_gettime", 0, out);
    assertEquals(longsOf(out)[1], 123_456_789 + step);
  }
});

Deno.test("sleeps end at their time, absolute ones of either clock too", () => {
  const { start, begin, advance } = smallKernel();
  const process = start();
  advance(5 * S);
  const relative = begin(process, "nanosleep", longs(1, 500_000_000), undefined);
  const monotonic = begin(process, "clock_nanosleep", 1, 1, longs(7, 0), undefined);
  const day = BOOT_NS + BigInt(8 * S);
  const moment = longs(Number(day / 1_000_000_000n), Number(day % 1_000_000_000n));
  const realtime = begin(process, "clock_nanosleep", 0, 1, moment, undefined);
  const results = () => [relative.result, monotonic.result, realtime.result];
  advance(1.5 * S - 1);
  assertEquals(results(), [undefined, undefined, undefined]);
  advance(1);
  assertEquals(results(), [0, undefined, undefined]);
  advance(0.5 * S);
  assertEquals(results(), [0, 0, undefined]);
  advance(1 * S - 1);
  assertEquals(results(), [0, 0, undefined]);
  advance(1);
  assertEquals(results(), [0, 0, 0]);
  assertEquals(begin(process, "clock_nanosleep", 1, 1, longs(1, 0), undefined).result, 0, "past");
});

Deno.test("what is no time, and no clock to sleep on, is refused", () => {
  const { start, call } = smallKernel();
  const process = start();
  for (const time of [longs(0, 1e9), longs(0, -1), longs(-1, 0)]) {
    assertEquals(call(process, "nanosleep", time, undefined), "EINVAL");
  }
  const second = longs(1, 0);
  const on = (clock: number) => call(process, "clock_nanosleep", clock, 0, second, undefined);
  assertEquals([3, 4, 5, 8, 77].map(on), [
    "EINVAL",
    "EOPNOTSUPP",
    "EOPNOTSUPP",
    "EINVAL",
    "EINVAL",
  ]);
});

Deno.test("a signal ends a sleep, which tells what was left and can be taken up again", () => {
  const { start, threadOf, begin, advance } = smallKernel();
  const process = start(), remaining = new Uint8Array(16);
  const sleep = begin(process, "nanosleep", longs(10, 0), remaining);
  advance(3 * S);
  assertEquals(sleep.task!.interrupt(new Errno(E.EINTR)), true);
  assertEquals(sleep.result, "EINTR");
  assertEquals(longsOf(remaining), [7, 0]);
  // No handler ran: the same call goes on to the same moment.
  const again = begin(process, "nanosleep", longs(10, 0), remaining);
  advance(7 * S - 1);
  assertEquals(again.result, undefined);
  advance(1);
  assertEquals(again.result, 0);
  assertEquals(threadOf(process).sleepDeadlineNs, undefined);
  const absolute = begin(process, "clock_nanosleep", 1, 1, longs(99, 0), remaining);
  absolute.task!.interrupt(new Errno(E.EINTR));
  assertEquals([absolute.result, longsOf(remaining)], ["EINTR", [7, 0]], "it tells nothing");
});

Deno.test("a sleep on processor time waits until that has been used", () => {
  const { start, threadOf, begin, advance } = smallKernel();
  const process = start();
  const sleep = begin(process, "clock_nanosleep", 2, 0, longs(1, 0), undefined);
  advance(5 * S);
  assertEquals(sleep.result, undefined);
  threadOf(process).userNs = 0.9 * S;
  advance(1 * S);
  assertEquals(sleep.result, undefined);
  threadOf(process).userNs = 1 * S;
  advance(0.1 * S);
  assertEquals(sleep.result, 0);
});

Deno.test("clocks have a resolution, and nobody sets them", () => {
  const { start, call } = smallKernel();
  const process = start(), out = new Uint8Array(16);
  for (const clock of [0, 1, 2, 3, 4, 5, 6, 7]) {
    assertEquals(call(process, "clock_getres", clock, out), 0);
    assertEquals(longsOf(out), [0, 1]);
  }
  assertEquals(call(process, "clock_getres", 42, out), "EINVAL");
  assertEquals(call(process, "clock_settime", 0, longs(1, 1)), "EPERM");
  assertEquals(call(process, "clock_settime", 1, longs(1, 1)), "EINVAL");
  const timex = new Uint8Array(208);
  assertEquals(call(process, "adjtimex", timex), 5);
  assertEquals(longsOf(timex)[9], 1_700_000_000);
  timex.fill(0)[0] = 1;
  assertEquals(call(process, "adjtimex", timex), "EPERM");
});
