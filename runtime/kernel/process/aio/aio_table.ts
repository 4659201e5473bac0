// Which contexts of asynchronous operations there are. They belong to memory: all who share it have them.
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import type { Coroutine, Tasks } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { AddressSpace } from "../memory/address_space.ts";
import { AioContext } from "./context.ts";
import { EventRing } from "./event_ring.ts";

/** Events that all contexts may ask for together, as /proc/sys/fs/aio-max-nr has it. */
export const MOST_EVENTS = 65_536;

export class AioTable {
  readonly #contexts = new WeakMap<AddressSpace, Map<number, AioContext>>();
  #made = 0;
  /** events that contexts asked for: /proc/sys/fs/aio-nr */
  reserved = 0;

  constructor(private readonly tasks: Tasks) {}

  /** Makes a context. @returns its number: the address of its ring @throws Errno EAGAIN, ENOMEM */
  create(space: AddressSpace, events: number): number {
    if (this.reserved + events > MOST_EVENTS) fail(E.EAGAIN);
    const ring = new EventRing(space.memory.frames, events, this.#made++);
    const start = space.place(ring.pages);
    space.map({
      start,
      end: start + ring.pages,
      access: Access.READ | Access.WRITE,
      shared: true,
      object: ring.object,
      objectPage: 0,
      name: "/[aio] (deleted)",
      readOnly: false,
      notForked: false,
    });
    let contexts = this.#contexts.get(space);
    if (contexts === undefined) this.#contexts.set(space, contexts = new Map());
    contexts.set(start * PAGE_BYTES, new AioContext(this.tasks, ring, events));
    this.reserved += events;
    return start * PAGE_BYTES;
  }

  /** @throws Errno EINVAL */
  find(space: AddressSpace, number: number): AioContext {
    return this.#contexts.get(space)?.get(number) ?? fail(E.EINVAL);
  }

  /** io_destroy(2). @throws Errno EINVAL */
  *destroy(space: AddressSpace, number: number): Coroutine<void> {
    const context = this.find(space, number);
    this.#contexts.get(space)!.delete(number);
    this.reserved -= context.reserved;
    yield* context.end();
    const page = number / PAGE_BYTES;
    const there = space.mappings.find(page);
    if (there?.object === context.ring.object) space.unmap(page, page + context.ring.pages);
  }

  /** Nobody has the memory any more, once who asks has left it: all that is under way in it ends. */
  *leave(space: AddressSpace): Coroutine<void> {
    for (const number of this.#contexts.get(space)?.keys() ?? []) {
      yield* this.destroy(space, number);
    }
  }
}
