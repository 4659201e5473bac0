// Waits that are ended from outside, and turns that are given away.
import { assertEquals } from "@std/assert";
import { type Coroutine, Tasks, together, WaitQueue } from "./coroutine.ts";
import { E, Errno } from "./errno.ts";

/** A task that waits for a number to be put there, and how it ended. */
function waiter(tasks: Tasks, queue: WaitQueue) {
  const state: { given?: number; value?: number; errno?: number } = {};
  const body = function* (): Coroutine<number> {
    while (state.given === undefined) yield queue;
    return state.given;
  };
  const task = tasks.spawn(body(), (value, failure) => {
    if (failure instanceof Errno) state.errno = failure.errno;
    else state.value = value;
  })!;
  return { state, task };
}

Deno.test("a wait is interrupted where it may be", () => {
  const tasks = new Tasks(() => 0);
  const { state, task } = waiter(tasks, new WaitQueue(true));
  assertEquals(task.interrupt(new Errno(E.EINTR)), true);
  assertEquals(state.errno, E.EINTR);
  const other = waiter(tasks, new WaitQueue(false));
  assertEquals(other.task.interrupt(new Errno(E.EINTR)), false);
  assertEquals(other.state, {});
});

Deno.test("an interruption of a wait that must not be ended ends the next one that may be", () => {
  const tasks = new Tasks(() => 0);
  const answered = new WaitQueue(), ready = new WaitQueue(true);
  let errno: number | undefined;
  const body = function* (): Coroutine<void> {
    yield answered;
    yield ready;
  };
  const task = tasks.spawn(body(), (_value, failure) => errno = (failure as Errno).errno)!;
  assertEquals(task.interrupt(new Errno(E.EINTR)), false);
  answered.wakeAll();
  tasks.run();
  assertEquals(errno, E.EINTR);
});

Deno.test("an interruption after a wake-up ends the next wait, and not what needs none", () => {
  const tasks = new Tasks(() => 0);
  const queue = new WaitQueue(true);
  const waits = waiter(tasks, queue), ends = waiter(tasks, queue);
  queue.wakeAll();
  ends.state.given = 7;
  assertEquals(waits.task.interrupt(new Errno(E.EINTR)), false);
  assertEquals(ends.task.interrupt(new Errno(E.EINTR)), false);
  tasks.run();
  assertEquals(waits.state, { errno: E.EINTR });
  assertEquals(ends.state, { given: 7, value: 7 });
});

Deno.test("a pause lets others go first, whatever the clock says", () => {
  const tasks = new Tasks(() => 0);
  const order: string[] = [];
  const body = function* (name: string): Coroutine<void> {
    for (let turn = 0; turn < 2; turn++) {
      order.push(`${name}${turn}`);
      yield* tasks.pause();
    }
  };
  for (const name of ["a", "b"]) tasks.spawn(body(name));
  while (tasks.run() > 0);
  assertEquals(order, ["a0", "b0", "a1", "b1"]);
});

Deno.test("several things are begun at once, and are over together, whichever comes first", () => {
  for (const first of [0, 1]) {
    const tasks = new Tasks(() => 0);
    const queues = [new WaitQueue(), new WaitQueue()], came = [false, false], log: string[] = [];
    const work = function* (which: number): Coroutine<void> {
      log.push(`begin ${which}`);
      while (!came[which]) yield queues[which];
      log.push(`end ${which}`);
    };
    const both = together([work(0), work(1)]);
    assertEquals(log, ["begin 0", "begin 1"]);
    let over = false;
    tasks.spawn(both, () => over = true);
    for (const which of [first, 1 - first]) {
      assertEquals(over, false);
      came[which] = true;
      queues[which].wakeAll();
      tasks.run();
    }
    assertEquals(over, true);
    assertEquals(log.slice(2).sort(), ["end 0", "end 1"]);
  }
});

Deno.test("of several things that fail the first tells, once the others are over", () => {
  const tasks = new Tasks(() => 0);
  const queue = new WaitQueue();
  let ended = false;
  const fails = function* (errno: number): Coroutine<void> {
    throw new Errno(errno);
  };
  const waits = function* (): Coroutine<void> {
    yield queue;
    ended = true;
  };
  let failure: unknown;
  tasks.spawn(together([fails(E.EIO), waits(), fails(E.ENOSPC)]), (_value, thrown) => {
    failure = thrown;
    assertEquals(ended, true);
  });
  queue.wakeAll();
  tasks.run();
  assertEquals((failure as Errno).errno, E.EIO);
});
