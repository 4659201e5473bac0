import { assertEquals } from "@std/assert";
import { intsOf, longs, longsOf, smallKernel } from "../../../../tests/fixtures/small_kernel.ts";
import type { Process } from "../process.ts";
import { bit, SI, SIG } from "../signal/signal.ts";
import type { Thread } from "../thread.ts";

const S = 1e9, MS = 1e6;

/** A process that blocks all signals, so that they stay where a test sees them. */
function blocked() {
  const kernel = smallKernel();
  const process = kernel.start(), thread = kernel.threadOf(process);
  thread.mask = ~0n;
  return { ...kernel, process, thread };
}

function take(target: Process | Thread, signal: number) {
  return target.pending.take(bit(signal));
}

/** `struct sigevent` */
function event(notify: number, signal: number, value: number, tid = 0): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(value), true);
  view.setInt32(8, signal, true);
  view.setInt32(12, notify, true);
  view.setInt32(16, tid, true);
  return bytes;
}

Deno.test("the real interval timer sends SIGALRM once, or again and again", () => {
  const { process, call, advance } = blocked();
  const old = new Uint8Array(32), now = new Uint8Array(32);
  assertEquals(call(process, "setitimer", 0, longs(0, 0, 2, 0), undefined), 0);
  advance(0.5 * S);
  assertEquals(call(process, "getitimer", 0, now), 0);
  assertEquals(longsOf(now), [0, 0, 1, 500_000]);
  assertEquals(take(process, SIG.ALRM), undefined);
  advance(1.5 * S);
  assertEquals(take(process, SIG.ALRM), { signal: SIG.ALRM, code: SI.KERNEL });
  call(process, "getitimer", 0, now);
  assertEquals(longsOf(now), [0, 0, 0, 0]);
  call(process, "setitimer", 0, longs(0, 250_000, 1, 0), undefined);
  let count = 0;
  for (let tenth = 0; tenth < 20; tenth++) {
    advance(0.1 * S);
    if (take(process, SIG.ALRM) !== undefined) count++;
  }
  assertEquals(count, 5);
  assertEquals(call(process, "setitimer", 0, undefined, old), 0, "taken back");
  assertEquals(longsOf(old).slice(0, 3), [0, 250_000, 0]);
  advance(9 * S);
  assertEquals(take(process, SIG.ALRM), undefined);
  assertEquals(call(process, "setitimer", 0, longs(0, 0, 1, 1_000_000), undefined), "EINVAL");
  assertEquals(call(process, "getitimer", 3, now), "EINVAL");
});

Deno.test("timers of processor time stand still while nobody runs", () => {
  const { process, thread, call, advance } = blocked();
  call(process, "setitimer", 2, longs(0, 0, 0, 100_000), undefined);
  advance(10 * S);
  assertEquals(take(process, SIG.PROF), undefined);
  thread.userNs += 100 * MS;
  advance(100 * MS);
  assertEquals(take(process, SIG.PROF)?.signal, SIG.PROF);
});

Deno.test("a timer made says who it is, and how often it expired unseen", () => {
  const { process, thread, call, advance } = blocked();
  const id = new Uint8Array(4);
  assertEquals(call(process, "timer_create", 1, event(0, SIG.USR1, 77), id), 0);
  const [timer] = intsOf(id);
  assertEquals(call(process, "timer_settime", timer, 0, longs(0, 100 * MS, 1, 0), undefined), 0);
  advance(1 * S);
  assertEquals(call(process, "timer_getoverrun", timer), 0);
  advance(0.3 * S);
  assertEquals(take(process, SIG.USR1), {
    signal: SIG.USR1,
    code: SI.TIMER,
    timer,
    value: 77n,
    overrun: 3,
  });
  assertEquals(call(process, "timer_getoverrun", timer), 3);
  const left = new Uint8Array(32);
  advance(0.05 * S);
  assertEquals(call(process, "timer_gettime", timer, left), 0);
  assertEquals(longsOf(left), [0, 100 * MS, 0, 50 * MS]);
  assertEquals(call(process, "timer_delete", timer), 0);
  advance(5 * S);
  assertEquals(take(process, SIG.USR1), undefined);
  assertEquals(call(process, "timer_gettime", timer, left), "EINVAL");
  assertEquals(thread.pending.set, 0n);
});

Deno.test("a timer signals one thread, or nobody, at a moment of the time of day", () => {
  const { process, thread, processes, call, advance } = blocked();
  const other = processes.startThread(process);
  other.mask = ~0n;
  const id = new Uint8Array(4), left = new Uint8Array(32);
  call(process, "timer_create", 0, event(4, SIG.USR2, 1, other.tid), id);
  const [toThread] = intsOf(id);
  assertEquals(
    call(process, "timer_settime", toThread, 1, longs(0, 0, 1_700_000_003, 0), undefined),
    0,
  );
  call(process, "timer_create", 1, event(1, 0, 0), id);
  const [silent] = intsOf(id);
  call(process, "timer_settime", silent, 0, longs(0, 0, 1, 0), undefined);
  // The machine starts 0.123456789 s after the second.
  advance(3 * S - 123_456_789 - 1000);
  assertEquals(other.pending.set, 0n);
  advance(1000);
  assertEquals(take(other, SIG.USR2)?.value, 1n);
  assertEquals([thread.pending.set, process.pending.set], [0n, 0n]);
  call(process, "timer_gettime", silent, left);
  assertEquals(longsOf(left), [0, 0, 0, 0]);
});

Deno.test("without an event SIGALRM says the timer's number", () => {
  const { process, call, advance } = blocked();
  const id = new Uint8Array(4);
  call(process, "timer_create", 1, undefined, id);
  call(process, "timer_create", 1, undefined, id);
  call(process, "timer_settime", 1, 0, longs(0, 0, 0, 1), undefined);
  advance(1 * S);
  const { signal, value } = take(process, SIG.ALRM)!;
  assertEquals([intsOf(id), signal, value], [[1], SIG.ALRM, 1n]);
});

Deno.test("wrong clocks, events, times and numbers are refused", () => {
  const { process, start, call } = blocked();
  const id = new Uint8Array(4), other = start();
  const create = (clock: number, given?: Uint8Array) =>
    call(process, "timer_create", clock, given, id);
  assertEquals(create(42), "EINVAL");
  assertEquals(create(5), "EOPNOTSUPP");
  assertEquals(create(1, event(0, 65, 0)), "EINVAL");
  assertEquals(create(1, event(0, 0, 0)), "EINVAL");
  assertEquals(create(1, event(9, SIG.USR1, 0)), "EINVAL");
  assertEquals(create(1, event(4, SIG.USR1, 0, other.pid)), "EINVAL", "another's thread");
  assertEquals(create(1), 0);
  const settime = (timer: number, setting?: Uint8Array) =>
    call(process, "timer_settime", timer, 0, setting, undefined);
  assertEquals(settime(0), "EINVAL");
  assertEquals(settime(0, longs(0, 1e9, 1, 0)), "EINVAL");
  assertEquals(settime(5, longs(0, 0, 1, 0)), "EINVAL");
});

Deno.test("an interval of a nanosecond does not keep the machine busy", () => {
  const { process, call, environment, advance } = blocked();
  const id = new Uint8Array(4);
  call(process, "timer_create", 1, undefined, id);
  call(process, "timer_settime", 0, 0, longs(0, 1, 0, 1), undefined);
  let turns = 0;
  while (environment.nowNs() < 1 * MS) {
    advance(environment.tasks.nextDeadlineNs - environment.nowNs());
    turns++;
  }
  assertEquals(take(process, SIG.ALRM)!.overrun, 1 * MS);
  assertEquals(turns <= 21, true, `it was looked at ${turns} times`);
});

Deno.test("timers end with their process, and those made end with its program", () => {
  const { process, processes, thread, environment, call, advance } = blocked();
  const id = new Uint8Array(4);
  call(process, "timer_create", 1, undefined, id);
  call(process, "timer_settime", 0, 0, longs(0, 0, 5, 0), undefined);
  call(process, "setitimer", 0, longs(0, 0, 7, 0), undefined);
  process.timers.deleteMade();
  advance(6 * S);
  assertEquals(take(process, SIG.ALRM), undefined);
  process.end(0);
  processes.endThread(thread, 0);
  advance(0);
  assertEquals(environment.tasks.nextDeadlineNs, Infinity);
});
