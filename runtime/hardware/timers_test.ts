// Timers of a loop: what is due is called in its order, once, and nothing before its time.
import { assertEquals } from "@std/assert";
import { Timers } from "./timers.ts";

Deno.test("timers: calls come in the order in which they are due, and once", () => {
  let nowNs = 5e6;
  const timers = new Timers(() => nowNs);
  const called: string[] = [];
  const pass = (ms: number) => {
    nowNs += ms * 1e6;
    timers.run();
    return called.splice(0).join(" ");
  };
  assertEquals(timers.nextMs, Infinity);
  timers.after(3, () => called.push("c"));
  timers.after(1, () => called.push("a"));
  timers.after(1, () => called.push("b"));
  assertEquals(timers.nextMs, 1);
  assertEquals(pass(0.5), "");
  assertEquals(timers.nextMs, 0.5);
  assertEquals(pass(0.5), "a b");
  assertEquals(pass(7), "c");
  assertEquals([pass(7), timers.nextMs], ["", Infinity]);
});

Deno.test("timers: a call may arm another, which is made when it is due", () => {
  let nowNs = 0, ticks = 0;
  const timers = new Timers(() => nowNs);
  const tick = () => {
    ticks++;
    timers.after(10, tick);
  };
  timers.after(10, tick);
  for (; nowNs <= 100e6; nowNs += 1e6) timers.run();
  assertEquals([ticks, timers.nextMs], [10, 9]);
  timers.after(0, () => ticks = 0);
  assertEquals(timers.nextMs, 0);
  timers.run();
  assertEquals(ticks, 0);
});
