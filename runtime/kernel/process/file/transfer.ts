// Transfers of several pieces as one (readv(2)).
import type { Coroutine } from "../../coroutine.ts";
import { Errno } from "../../errno.ts";

/**
 * Carries a transfer out piece by piece, up to the first that is not moved as a whole.
 * @param move a piece, so many bytes behind the beginning @returns how many, or a negative errno
 * @returns how many in all: what was done before an error counts
 */
export function* transfer<Piece extends { readonly length: number }>(
  parts: Iterable<Piece>,
  move: (part: Piece, done: number) => Coroutine<number>,
): Coroutine<number> {
  let done = 0;
  for (const part of parts) {
    if (part.length === 0) continue;
    let count: number;
    try {
      count = yield* move(part, done);
    } catch (failure) {
      if (done > 0 && failure instanceof Errno) return done;
      throw failure;
    }
    if (count < 0) return done > 0 ? done : count;
    done += count;
    if (count < part.length) break;
  }
  return done;
}
