// eventfd(2): a counter that is waited for.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O, POLL } from "../../vfs/constants.ts";
import type { Description } from "../file/description.ts";

const MOST = 0xffff_ffff_ffff_fffen;
const COUNTER_BYTES = 8;

export class EventDescription implements Description {
  uses = 1;
  readonly kind = "anon_inode:[eventfd]";
  readonly readiness = new WaitQueue(true);
  #count: bigint;

  /** @param semaphore a read takes one, not all */
  constructor(initial: number, private readonly semaphore: boolean, public flags: number) {
    this.#count = BigInt(initial);
  }

  *read(into: Uint8Array): Coroutine<number> {
    if (into.length < COUNTER_BYTES) fail(E.EINVAL);
    while (this.#count === 0n) {
      if ((this.flags & O.NONBLOCK) !== 0) fail(E.EAGAIN);
      yield this.readiness;
    }
    const value = this.semaphore ? 1n : this.#count;
    this.#count -= value;
    new DataView(into.buffer, into.byteOffset).setBigUint64(0, value, true);
    this.readiness.wakeAll();
    return COUNTER_BYTES;
  }

  *write(from: Uint8Array): Coroutine<number> {
    if (from.length < COUNTER_BYTES) fail(E.EINVAL);
    const value = new DataView(from.buffer, from.byteOffset).getBigUint64(0, true);
    if (value > MOST) fail(E.EINVAL);
    while (this.#count + value > MOST) {
      if ((this.flags & O.NONBLOCK) !== 0) fail(E.EAGAIN);
      yield this.readiness;
    }
    this.#count += value;
    this.readiness.wakeAll();
    return COUNTER_BYTES;
  }

  /** Counts one more, as the kernel does where something has happened: it stops at the most there may be. */
  signal(): void {
    if (this.#count < MOST) this.#count++;
    this.readiness.wakeAll();
  }

  poll(events: number): number {
    return events & ((this.#count > 0n ? POLL.IN : 0) | (this.#count < MOST ? POLL.OUT : 0));
  }

  release(): void {}
}
