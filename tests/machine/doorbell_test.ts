// Sleeping while the event loop turns, on all kinds of bell: a ring, something else, or time ends it.
import { assert, assertEquals } from "@std/assert";
import type { Bell, LightSleeper } from "../../runtime/hardware/doorbell.ts";
import { Poller } from "../../runtime/hardware/poller.ts";
import { mappedMemoryAvailable } from "../../runtime/hypervisor/memory/linux_memory.ts";
import { MemoryOpener } from "../../runtime/hypervisor/memory/opener.ts";

const LONG_NS = 20e9;
const never = new Promise<void>(() => {});

/** What two threads have of a bell, in one. */
function polledBell(opener: MemoryOpener): Bell & LightSleeper {
  const memory = opener.createPolledBell("bell"), poller = new Poller();
  const sleeper = opener.polledDoorbell(memory, poller), bell = opener.doorbell(memory);
  return {
    ring: () => bell.ring(),
    prepare: () => {
      poller.poll();
      sleeper.prepare();
    },
    cancel: () => sleeper.cancel(),
    relax: () => sleeper.relax(),
    sleep: (timeoutNs) => sleeper.sleep(timeoutNs),
    sleepLightly: (timeoutNs, other) => sleeper.sleepLightly(timeoutNs, other),
  };
}

for (const kind of ["threads", "mapped", "polled"] as const) {
  const ignore = kind !== "threads" && !mappedMemoryAvailable();

  const withBell = (body: (bell: Bell & LightSleeper) => Promise<void>) => async () => {
    const opener = new MemoryOpener();
    // The event loop of a test ends where nothing but Atomics.waitAsync is left; a thread's does not.
    const alive = setTimeout(() => {}, LONG_NS / 1e6);
    try {
      if (kind === "polled") await body(polledBell(opener));
      else await body(opener.doorbell(opener.createBell("bell", kind)));
    } finally {
      clearTimeout(alive);
      opener.release();
    }
  };

  Deno.test({
    name: `a light sleeper wakes when rung, and not before, ${kind}`,
    ignore,
    fn: withBell(async (bell) => {
      for (let round = 0; round < 20; round++) {
        let awake = false;
        bell.prepare();
        const sleep = bell.sleepLightly(LONG_NS, never).then(() => awake = true);
        await new Promise((resolve) => setTimeout(resolve, 2));
        assertEquals(awake, false);
        assertEquals(bell.ring(), true);
        await sleep;
        // Awake, it is not signalled.
        assertEquals(bell.ring(), false);
      }
    }),
  });

  Deno.test({
    name: `a light sleeper that something else woke is rung at its next sleep, ${kind}`,
    ignore,
    fn: withBell(async (bell) => {
      for (let round = 0; round < 20; round++) {
        bell.prepare();
        await bell.sleepLightly(LONG_NS, Promise.resolve());
        assertEquals(bell.ring(), false);
        bell.prepare();
        const sleep = bell.sleepLightly(LONG_NS, never);
        assertEquals(bell.ring(), true);
        await sleep;
      }
    }),
  });

  Deno.test({
    name: `a light sleeper wakes when its time is over, ${kind}`,
    ignore,
    fn: withBell(async (bell) => {
      const begun = performance.now();
      bell.prepare();
      await bell.sleepLightly(5e6, never);
      assert(performance.now() - begun >= 4);
    }),
  });
}
