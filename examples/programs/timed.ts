// How fast threads of a program do something over and over: what the measuring programs beside it share.
import type { Sys } from "../../mod.ts";

/** Until the kernel's code is compiled. */
const WARM_UP_PART = 0.2;

/**
 * Does something so many times in several threads, after some that do not count, and prints the rate and the
 * time that one takes.
 *
 * @param body does it `count` times in a row; `thread` is from 0
 */
export async function timed(
  sys: Sys,
  threads: number,
  times: number,
  body: (own: Sys, count: number, thread: number) => Promise<void>,
): Promise<void> {
  const run = (count: number) =>
    Promise.all(
      Array.from(
        { length: threads },
        (_, thread) => sys.thread((own) => body(own, Math.ceil(count / threads), thread)),
      ),
    );
  await run(times * WARM_UP_PART);
  const start = await sys.clock(1);
  await run(times);
  const ms = (await sys.clock(1)) - start;
  await sys.print(
    `${(times / ms * 1e3).toFixed(1)} a second, ${(ms * 1e3 / times).toFixed(3)} us each`,
  );
}
