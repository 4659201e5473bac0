// timerfd(2): a timer that is read, and waited for as any descriptor.
import { type Coroutine, type Tasks, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O, POLL } from "../../vfs/constants.ts";
import type { Counter } from "./clock.ts";
import type { Description } from "../file/description.ts";
import { putLong } from "../little_endian.ts";
import { Timer } from "./timer.ts";

const COUNT_BYTES = 8;

export class TimerDescription implements Description {
  uses = 1;
  readonly kind = "anon_inode:[timerfd]";
  readonly readiness = new WaitQueue(true);
  readonly timer: Timer;
  #expired = 0;

  constructor(tasks: Tasks, wall: Counter, counter: Counter, public flags: number) {
    this.timer = new Timer(tasks, wall, counter, (times) => {
      this.#expired += times;
      this.readiness.wakeAll();
    });
  }

  /** Other settings: what expired under the old ones is forgotten. */
  arm(deadlineNs: number | undefined, intervalNs: number): void {
    this.#expired = 0;
    if (deadlineNs === undefined) this.timer.disarm();
    else this.timer.arm(deadlineNs, intervalNs);
    // One that is not armed knows its interval all the same: no other timers do.
    this.timer.intervalNs = intervalNs;
  }

  /** @param into gets how often it expired since it was read or set last */
  *read(into: Uint8Array): Coroutine<number> {
    if (into.length < COUNT_BYTES) fail(E.EINVAL);
    while (this.#expired === 0) {
      if ((this.flags & O.NONBLOCK) !== 0) fail(E.EAGAIN);
      yield this.readiness;
    }
    putLong(into, 0, this.#expired);
    this.#expired = 0;
    return COUNT_BYTES;
  }

  write(): number {
    return fail(E.EINVAL);
  }

  poll(events: number): number {
    return this.#expired > 0 ? events & POLL.IN : 0;
  }

  release(): void {
    this.timer.disarm();
  }
}
