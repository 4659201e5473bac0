// Futexes (futex(2)): threads that wait at an address until somebody wakes them there.
import { Access } from "../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import { type Coroutine, type Tasks, WaitQueue } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { AddressSpace } from "./memory/address_space.ts";

const ANY_BITS = 0xffff_ffff;

interface Waiter {
  bits: number;
  queue: WaitQueue;
  woken: boolean;
  /** the list that it is in: requeueing moves it */
  list: Waiter[];
}

/** Where a futex is: a frame's byte when memory is shared, else an address of a space. */
interface Place {
  lists: Map<number, Waiter[]>;
  key: number;
}

export class FutexTable {
  readonly #private = new WeakMap<AddressSpace, Map<number, Waiter[]>>();
  readonly #shared = new Map<number, Waiter[]>();

  constructor(private readonly tasks: Tasks, private readonly nowNs: () => number) {}

  /** The word at an address. @throws Errno EFAULT, EINVAL */
  *#word(space: AddressSpace, address: number, kind: Access): Coroutine<number> {
    if (address % 4 !== 0) fail(E.EINVAL);
    const page = Math.floor(address / PAGE_BYTES);
    for (;;) {
      const frame = space.frameFor(page, kind);
      if (frame !== 0) return (frame + address % PAGE_BYTES) / 4;
      if ((yield* space.fault(page, kind)) !== undefined) fail(E.EFAULT);
    }
  }

  #place(space: AddressSpace, address: number, word: number): Place {
    const shared = space.mappings.find(Math.floor(address / PAGE_BYTES))?.shared === true;
    if (shared) return { lists: this.#shared, key: word };
    let lists = this.#private.get(space);
    if (lists === undefined) this.#private.set(space, lists = new Map());
    return { lists, key: address };
  }

  /**
   * Waits while the word has a value.
   * @param deadlineNs of the monotonic clock; infinity to wait for ever
   * @throws Errno EAGAIN for another value, ETIMEDOUT, EINTR
   */
  *wait(
    space: AddressSpace,
    address: number,
    value: number,
    bits: number,
    deadlineNs: number,
  ): Coroutine<number> {
    if (bits === 0) fail(E.EINVAL);
    const word = yield* this.#word(space, address, Access.READ);
    const { lists, key } = this.#place(space, address, word);
    if (space.memory.hart.words[word] !== (value | 0)) fail(E.EAGAIN);
    let list = lists.get(key);
    if (list === undefined) lists.set(key, list = []);
    const waiter: Waiter = { bits, queue: new WaitQueue(true), woken: false, list };
    list.push(waiter);
    const cancelTimer = deadlineNs === Infinity
      ? undefined
      : this.tasks.wakeAt(deadlineNs, waiter.queue);
    try {
      while (!waiter.woken) {
        if (this.nowNs() >= deadlineNs) fail(E.ETIMEDOUT);
        yield waiter.queue;
      }
      return 0;
    } finally {
      cancelTimer?.();
      const at = waiter.list.indexOf(waiter);
      if (at >= 0) waiter.list.splice(at, 1);
      if (list.length === 0 && lists.get(key) === list) lists.delete(key);
    }
  }

  /** Wakes up to `count` threads that wait for one of the bits. @returns how many */
  *wake(space: AddressSpace, address: number, count: number, bits = ANY_BITS): Coroutine<number> {
    if (bits === 0) fail(E.EINVAL);
    return this.#wakeAt(yield* this.#find(space, address), count, bits);
  }

  /** The place of a futex, for one who does not read it: a page that nobody touched has no waiters. */
  *#find(space: AddressSpace, address: number): Coroutine<Place> {
    if (address % 4 !== 0) fail(E.EINVAL);
    const mapping = space.mappings.find(Math.floor(address / PAGE_BYTES)) ?? fail(E.EFAULT);
    const word = mapping.shared ? yield* this.#word(space, address, Access.READ) : 0;
    return this.#place(space, address, word);
  }

  #wakeAt({ lists, key }: Place, count: number, bits: number): number {
    const list = lists.get(key);
    if (list === undefined) return 0;
    let woken = 0;
    for (let index = 0; index < list.length && woken < count;) {
      const waiter = list[index];
      if ((waiter.bits & bits) === 0) {
        index++;
        continue;
      }
      list.splice(index, 1);
      waiter.woken = true;
      waiter.queue.wakeAll();
      woken++;
    }
    if (list.length === 0) lists.delete(key);
    return woken;
  }

  /**
   * Wakes some and moves others to a second futex.
   * @param expected value that the first must have; undefined where it is not asked
   * @returns how many were woken, and, where a value was expected, moved
   */
  *requeue(
    space: AddressSpace,
    address: number,
    count: number,
    other: number,
    most: number,
    expected: number | undefined,
  ): Coroutine<number> {
    if (expected !== undefined) {
      const word = yield* this.#word(space, address, Access.READ);
      if (space.memory.hart.words[word] !== (expected | 0)) fail(E.EAGAIN);
    }
    const from = yield* this.#find(space, address);
    const to = yield* this.#find(space, other);
    const woken = this.#wakeAt(from, count, ANY_BITS);
    const source = from.lists.get(from.key);
    if (source === undefined || from.key === to.key && from.lists === to.lists) return woken;
    let target = to.lists.get(to.key);
    if (target === undefined) to.lists.set(to.key, target = []);
    const moved = source.splice(0, most);
    for (const waiter of moved) waiter.list = target;
    target.push(...moved);
    if (source.length === 0) from.lists.delete(from.key);
    if (target.length === 0) to.lists.delete(to.key);
    return woken + (expected === undefined ? 0 : moved.length);
  }

  /** FUTEX_WAKE_OP: changes the second word, wakes at the first, and at the second if it was so. */
  *wakeOperation(
    space: AddressSpace,
    address: number,
    count: number,
    other: number,
    otherCount: number,
    operation: number,
  ): Coroutine<number> {
    const word = yield* this.#word(space, other, Access.WRITE);
    const words = space.memory.hart.words;
    const old = words[word];
    let argument = operation << 8 >> 20;
    if ((operation & 0x8000_0000) !== 0) argument = 1 << (argument & 31);
    switch (operation >>> 28 & 7) {
      case 0:
        words[word] = argument;
        break;
      case 1:
        words[word] = old + argument | 0;
        break;
      case 2:
        words[word] = old | argument;
        break;
      case 3:
        words[word] = old & ~argument;
        break;
      case 4:
        words[word] = old ^ argument;
        break;
      default:
        fail(E.ENOSYS);
    }
    const woken = yield* this.wake(space, address, count);
    const compared = operation << 20 >> 20;
    const holds = [
      old === compared,
      old !== compared,
      old < compared,
      old <= compared,
      old > compared,
      old >= compared,
    ][operation >>> 24 & 15];
    if (holds === undefined) return fail(E.ENOSYS);
    return woken + (holds ? yield* this.wake(space, other, otherCount) : 0);
  }
}
