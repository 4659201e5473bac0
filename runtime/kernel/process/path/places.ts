// Places that a walk jumps to: links of /proc that stand for what a process has open, not for a path. The server
// of the link answers with a number, and whoever walks takes the place that it stands for.
import { E, fail } from "../../errno.ts";
import type { Location } from "./mounts.ts";

/** A walk takes its place at once: more than this are of walks that were given up. */
const MAX_PLACES = 64;

export class Places {
  readonly #given = new Map<number, Location>();
  #next = 1;

  /** @returns the number by which the place can be taken, once */
  give(location: Location): number {
    const number = this.#next++;
    this.#given.set(number, location);
    if (this.#given.size > MAX_PLACES) {
      const [oldest] = this.#given.keys();
      this.#given.delete(oldest);
    }
    return number;
  }

  /** @throws Errno ENOENT for a number that was not given */
  take(number: number): Location {
    const location = this.#given.get(number) ?? fail(E.ENOENT);
    this.#given.delete(number);
    return location;
  }
}
