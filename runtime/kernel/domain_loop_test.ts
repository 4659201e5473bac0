// When a domain's loop looks, and when it sleeps.
import { assert, assertEquals } from "@std/assert";
import { Tasks } from "./coroutine.ts";
import { DomainLoop } from "./domain_loop.ts";

const SLEEP_NS = 20e6;

/** A loop with a clock that goes on by 100 ns whenever it is looked at, and nothing to do. */
function idleLoop(spinNs: number) {
  let nowNs = 0, slept = 0;
  const clock = () => nowNs += 100;
  const source = { poll: () => 0, pending: () => false, notify: () => {}, imminent: false };
  const sleeper = {
    prepare: () => {},
    cancel: () => {},
    relax: () => {},
    sleep: () => {
      slept++;
      nowNs += SLEEP_NS;
    },
  };
  const loop = new DomainLoop([source], new Tasks(clock), sleeper, {
    nowNs: clock,
    spinNs,
    maxSleepNs: SLEEP_NS,
  });
  /** @returns how long it looks until it sleeps */
  const lookNs = () => {
    const before = slept, since = nowNs;
    while (slept === before) {
      assertEquals(loop.turn(), false);
      loop.wait();
    }
    return nowNs - since - SLEEP_NS;
  };
  /** Something comes when it has waited for about so long. @returns whether it had to sleep */
  const workAfter = (waitNs: number) => {
    const before = slept, until = nowNs + waitNs;
    while (nowNs < until) {
      assertEquals(loop.turn(), false);
      loop.wait();
    }
    source.poll = () => 1;
    assertEquals(loop.turn(), true);
    source.poll = () => 0;
    return slept > before;
  };
  return { source, lookNs, workAfter };
}

/** What a loop looks that does not expect anything, at most. */
const SOON_NS = 5e3;

Deno.test("a loop looks for as long as it may where the last wait was shorter, else sleeps almost at once", () => {
  const { lookNs, workAfter } = idleLoop(1e6);
  assertEquals(workAfter(0.5e6), false);
  const looked = lookNs();
  assert(looked >= 1e6 && looked < 1.1e6, `${looked}`);
  // Still the same wait: it does not look anew after each sleep.
  assert(lookNs() < SOON_NS);
  workAfter(0);
  assert(lookNs() < SOON_NS, "the last wait took sleeps");
});

Deno.test("a loop that does not look any more sees when that would pay again", () => {
  const { lookNs, workAfter } = idleLoop(50e6);
  lookNs();
  lookNs();
  lookNs();
  workAfter(0);
  // That was 60 ms; now comes something before one sleep is over.
  assertEquals(workAfter(10e3), true);
  assertEquals(workAfter(30e6), false);
});

Deno.test("a loop that is not to look does so for what is imminent, unless that was long in coming", () => {
  const { source, lookNs, workAfter } = idleLoop(0);
  workAfter(0);
  assert(lookNs() < SOON_NS);
  workAfter(0);
  source.imminent = true;
  assertEquals(workAfter(40e3), false);
  const looked = lookNs();
  assert(looked >= 50e3 && looked < 60e3, `${looked}`);
  workAfter(0);
  assert(lookNs() < SOON_NS);
});

Deno.test("timers are looked at in time where others have the processor for long", () => {
  let nowNs = 0, fired = 0;
  const tasks = new Tasks(() => nowNs);
  let worked = true;
  const source = { poll: () => worked ? 1 : 0, pending: () => false, notify: () => {} };
  const sleeper = {
    prepare: () => {},
    cancel: () => {},
    relax: () => void (nowNs += 3e6),
    sleep() {},
  };
  const loop = new DomainLoop([source], tasks, sleeper, {
    nowNs: () => nowNs,
    spinNs: 10e6,
    maxSleepNs: SLEEP_NS,
  });
  tasks.spawn(function* () {
    yield* tasks.sleep(10e6);
    fired = nowNs;
  }());
  while (nowNs < 100e6) {
    if (!loop.turn()) loop.wait();
    worked = !worked;
  }
  assert(fired >= 10e6 && fired <= 16e6, `${fired}`);
});
