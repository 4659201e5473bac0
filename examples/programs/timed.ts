// How fast threads of a program do something over and over: what the measuring programs beside it share.
import type { Sys } from "../../mod.ts";

/** Until the kernel's code is compiled. */
const WARM_UP_PART = 0.2;
/** What else the host does for a moment spoils a few of them, and the median says nothing of it. */
const PARTS = 9;

/**
 * Does something so many times in several threads, in parts, after some that do not count; prints the rate and
 * the time that one takes, of the part in the middle.
 *
 * @param body does it `count` times in a row; `thread` is from 0
 */
export async function timed(
  sys: Sys,
  threads: number,
  times: number,
  body: (own: Sys, count: number, thread: number) => Promise<void>,
): Promise<void> {
  const run = async (all: number): Promise<number> => {
    const count = Math.ceil(all / threads), start = await sys.clock(1);
    await Promise.all(
      Array.from({ length: threads }, (_, thread) => sys.thread((own) => body(own, count, thread))),
    );
    return ((await sys.clock(1)) - start) / (count * threads);
  };
  await run(times * WARM_UP_PART);
  const each: number[] = [];
  for (let part = 0; part < PARTS; part++) each.push(await run(times / PARTS));
  const ms = each.sort((a, b) => a - b)[PARTS >> 1];
  await sys.print(`${(1e3 / ms).toFixed(1)} a second, ${(ms * 1e3).toFixed(3)} us each`);
}
