// A context of asynchronous operations (io_setup(2)): what is under way in it, and the ring of what is over.
// Several are under way at once; each is a task, which holds the open file that it works on.
import { type Coroutine, finish, type Task, type Tasks, WaitQueue } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { releaseUse } from "../file/descriptor_table.ts";
import type { EventDescription } from "../event/eventfd.ts";
import type { ControlBlock } from "./control_block.ts";
import type { EventRing } from "./event_ring.ts";
import { type Prepared, resultOf } from "./operations.ts";

interface UnderWay {
  block: ControlBlock;
  cancelled: number | undefined;
  task?: Task;
}

export class AioContext {
  /** woken when an event has come, and at the end */
  readonly completed = new WaitQueue(true);
  ended = false;
  readonly #underWay = new Set<UnderWay>();
  readonly #idle = new WaitQueue();

  /** @param reserved events that its maker asked for */
  constructor(
    private readonly tasks: Tasks,
    readonly ring: EventRing,
    readonly reserved: number,
  ) {}

  /** Whether the result of one more has a place. */
  get hasRoom(): boolean {
    return this.#underWay.size + this.ring.waiting < this.ring.places - 1;
  }

  /** Begins an operation. @param tells is told of its end */
  begin(prepared: Prepared, block: ControlBlock, tells: EventDescription | undefined): void {
    const operation: UnderWay = { block, cancelled: prepared.cancelled };
    this.#underWay.add(operation);
    for (const held of [prepared.description, tells]) if (held !== undefined) held.uses++;
    operation.task = this.tasks.spawn(this.#run(operation, prepared, tells));
  }

  *#run(
    operation: UnderWay,
    { description, work }: Prepared,
    tells: EventDescription | undefined,
  ): Coroutine<void> {
    const { block, cancelled } = operation;
    const result = yield* resultOf(work);
    const early = result === -E.ECANCELED && cancelled !== undefined;
    this.#underWay.delete(operation);
    this.ring.add(block.data, block.address, early ? cancelled : result);
    this.completed.wakeAll();
    tells?.signal();
    try {
      for (const held of [description, tells]) {
        if (held !== undefined) yield* finish(releaseUse(held));
      }
    } finally {
      if (this.#underWay.size === 0) this.#idle.wakeAll();
    }
  }

  /** io_cancel(2): an operation ends soon, and its event says so. @throws Errno EINVAL where none can */
  cancel(block: number): void {
    for (const { block: { address }, cancelled, task } of this.#underWay) {
      if (address !== block || cancelled === undefined) continue;
      task!.interrupt(new Errno(E.ECANCELED));
      return;
    }
    fail(E.EINVAL);
  }

  /** Ends what waits for others, and waits for the rest. */
  *end(): Coroutine<void> {
    this.ended = true;
    this.completed.wakeAll();
    for (const { task } of [...this.#underWay]) task!.interrupt(new Errno(E.ECANCELED));
    while (this.#underWay.size > 0) yield this.#idle;
    this.ring.close();
  }
}
