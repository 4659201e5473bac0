// epoll(7): a set of descriptors that is waited for. What may have become ready is noted as it happens, so
// that a wait looks at that alone and not at all that is registered.
import { WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { POLL } from "../../vfs/constants.ts";
import type { Description } from "../file/description.ts";

const EPOLL = { ADD: 1, DEL: 2, MOD: 3 } as const;
const EXCLUSIVE = 0x1000_0000, WAKEUP = 0x2000_0000, ONESHOT = 0x4000_0000, EDGE = 0x8000_0000;
/** What EPOLLEXCLUSIVE goes with. */
const WITH_EXCLUSIVE = EXCLUSIVE | WAKEUP | EDGE | POLL.IN | POLL.OUT | POLL.ERR | POLL.HUP;
/** Bits that are readiness, and not how it is told. */
const READINESS = 0xffff;

export interface ReadyEvent {
  events: number;
  low: number;
  high: number;
}

interface Interest extends ReadyEvent {
  description: Description;
  /** it may be ready: to be looked at */
  noted: boolean;
  /** no longer registered */
  gone: boolean;
  /** ONESHOT, and told */
  disabled: boolean;
  /** ends the watching of the description */
  unwatch: () => void;
}

export class EpollDescription implements Description {
  uses = 1;
  readonly kind = "anon_inode:[eventpoll]";
  flags = 2;
  readonly readiness = new WaitQueue(true);
  readonly #interests = new Map<number, Interest>();
  #noted: Interest[] = [];

  /** @throws Errno EEXIST, ENOENT, EPERM for what is always ready, ELOOP */
  control(
    operation: number,
    fd: number,
    description: Description,
    event: ReadyEvent | undefined,
  ): void {
    const known = this.#interests.get(fd);
    // A descriptor that was closed, and opened on something else, is not the one that was registered.
    const current = known !== undefined && known.description === description ? known : undefined;
    if (operation === EPOLL.DEL) {
      this.#forget(fd, current ?? fail(E.ENOENT));
      return;
    }
    if (event === undefined) return fail(E.EFAULT);
    if ((event.events & EXCLUSIVE) !== 0) demandExclusive(operation, description, event.events);
    if (operation === EPOLL.ADD) {
      if (current !== undefined) fail(E.EEXIST);
      if (description === this) fail(E.EINVAL);
      if (!description.readiness.interruptible) fail(E.EPERM);
      if (description instanceof EpollDescription && description.#leadsTo(this, 0)) fail(E.ELOOP);
      if (known !== undefined) this.#forget(fd, known);
      const unwatch = description.readiness.watch(() => this.#note(interest));
      const interest: Interest = {
        ...event,
        description,
        noted: false,
        gone: false,
        disabled: false,
        unwatch,
      };
      this.#interests.set(fd, interest);
      this.#note(interest);
    } else if (operation === EPOLL.MOD) {
      if (current === undefined) return fail(E.ENOENT);
      if ((current.events & EXCLUSIVE) !== 0) fail(E.EINVAL);
      Object.assign(current, event, { disabled: false });
      this.#note(current);
    } else fail(E.EINVAL);
  }

  #leadsTo(other: EpollDescription, depth: number): boolean {
    if (this === other || depth > 5) return true;
    return [...this.#interests.values()].some(({ description }) =>
      description instanceof EpollDescription && description.#leadsTo(other, depth + 1)
    );
  }

  #forget(fd: number, interest: Interest): void {
    interest.gone = true;
    interest.unwatch();
    this.#interests.delete(fd);
  }

  #note(interest: Interest): void {
    if (interest.disabled) return;
    if (!interest.noted) {
      interest.noted = true;
      this.#noted.push(interest);
    }
    this.readiness.wakeAll();
  }

  /** Takes up to `most` descriptors that are ready. */
  take(most: number): ReadyEvent[] {
    const found: ReadyEvent[] = [];
    const noted = this.#noted;
    this.#noted = [];
    /** what is told by level, to be looked at again behind all others */
    const again: Interest[] = [];
    let at = 0;
    for (; at < noted.length && found.length < most; at++) {
      const interest = noted[at];
      if (interest.gone || interest.description.uses === 0) {
        interest.gone = true;
        interest.unwatch();
        continue;
      }
      if (interest.disabled) {
        interest.noted = false;
        continue;
      }
      const wanted = interest.events & READINESS;
      const ready = interest.description.poll(wanted) & (wanted | POLL.ERR | POLL.HUP);
      interest.noted = false;
      if (ready === 0) continue;
      found.push({ events: ready, low: interest.low, high: interest.high });
      if ((interest.events & ONESHOT) !== 0) interest.disabled = true;
      else if ((interest.events & EDGE) === 0) {
        interest.noted = true;
        again.push(interest);
      }
    }
    this.#noted = [...noted.slice(at), ...this.#noted, ...again];
    return found;
  }

  read(): never {
    return fail(E.EINVAL);
  }
  write(): never {
    return fail(E.EINVAL);
  }

  poll(events: number): number {
    const some = this.#noted.some((interest) =>
      !interest.gone && !interest.disabled &&
      interest.description.poll(interest.events & READINESS) !== 0
    );
    return some ? events & POLL.IN : 0;
  }

  release(): void {
    for (const [fd, interest] of this.#interests) this.#forget(fd, interest);
  }
}

/** What is registered exclusively is so from the beginning on, and no set of descriptors. @throws Errno EINVAL */
function demandExclusive(operation: number, description: Description, events: number): void {
  const isSet = description instanceof EpollDescription;
  if (operation !== EPOLL.ADD || isSet || (events & ~WITH_EXCLUSIVE) !== 0) fail(E.EINVAL);
}
