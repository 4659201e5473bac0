// When a domain's loop looks, and when it sleeps.
import { assert, assertEquals } from "@std/assert";
import { Tasks } from "./coroutine.ts";
import { DomainLoop } from "./domain_loop.ts";

/** A loop with a clock that goes on by 100 ns whenever it is looked at, and nothing to do. */
function idleLoop(spinNs: number) {
  let nowNs = 0, slept = 0;
  const clock = () => nowNs += 100;
  const source = { poll: () => 0, pending: () => false, notify: () => {}, imminent: false };
  const sleeper = {
    prepare: () => {},
    cancel: () => {},
    relax: () => {},
    sleep: () => void slept++,
  };
  const loop = new DomainLoop([source], new Tasks(clock), sleeper, {
    nowNs: clock,
    spinNs,
    adaptive: true,
    maxSleepNs: 20e6,
  });
  /** @returns turns without anything to do until it slept */
  const turnsToSleep = () => {
    const before = slept;
    for (let turns = 1;; turns++) {
      assertEquals(loop.turn(), false);
      loop.wait();
      if (slept > before) return turns;
    }
  };
  /** Something comes after some turns in which it does not sleep. */
  const work = () => {
    const before = slept;
    for (let turns = 0; turns < 100; turns++) {
      loop.turn();
      loop.wait();
    }
    assertEquals(slept, before);
    source.poll = () => 1;
    assertEquals(loop.turn(), true);
    source.poll = () => 0;
  };
  return { source, turnsToSleep, work };
}

Deno.test("a loop that had to sleep although it looked sleeps at once, but looks for what is imminent", () => {
  const { source, turnsToSleep, work } = idleLoop(0);
  const atOnce = turnsToSleep();
  source.imminent = true;
  assert(turnsToSleep() > 10 * atOnce);
  work();
  source.imminent = false;
  assertEquals(turnsToSleep(), atOnce);
});

Deno.test("a loop does not look on and on for what was said to be imminent and is not", () => {
  const { source, turnsToSleep } = idleLoop(0);
  const atOnce = turnsToSleep();
  source.imminent = true;
  const turns = Array.from({ length: 64 }, turnsToSleep);
  assert(turns.filter((each) => each > atOnce).length <= 6, `${turns}`);
  assert(turns.slice(32).some((each) => each > atOnce), "it finds out whether that has changed");
});
