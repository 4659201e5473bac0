// What the calls that take a directory and a path have in common: the walk, and the end of its handle.
import type { Coroutine } from "../../coroutine.ts";
import { close } from "./mounts.ts";
import type { Process } from "../process.ts";
import { resolve, type Resolved } from "./resolve.ts";

/** Walks to a path, does something there, and closes the handle. */
export function* at<T>(
  process: Process,
  fd: number,
  path: string,
  flags: number,
  use: (found: Resolved) => Coroutine<T>,
): Coroutine<T> {
  const start = path.startsWith("/") ? process.root : process.directory(fd);
  const found = yield* resolve(process, start, path, flags);
  try {
    return yield* use(found);
  } finally {
    yield* close(found);
  }
}
