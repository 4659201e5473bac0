// Thousands of timers over one of the domain's: a binary heap that forgives re-arming. Moving a timer to
// later only writes its deadline down; its place in the heap is corrected when it comes to the top.
import type { Environment } from "../../environment.ts";
import { type Coroutine, WaitQueue } from "../../coroutine.ts";

/** One timer. It may be set again and again at little cost. */
export class Timer {
  /** when it is due; infinity where it is not set */
  deadlineNs = Infinity;
  /** what its place in the heap was made for, never later than `deadlineNs` */
  placedNs = 0;
  /** its place in the heap; -1 where it has none */
  place = -1;

  constructor(private readonly timers: Timers, readonly fire: () => void) {}

  get set(): boolean {
    return this.deadlineNs !== Infinity;
  }

  setAt(deadlineNs: number): void {
    this.deadlineNs = deadlineNs;
    if (this.place < 0 || deadlineNs < this.placedNs) this.timers.place(this);
  }

  cancel(): void {
    this.deadlineNs = Infinity;
  }

  /** Cancels it for good: a cancelled one may stay in the heap, and what it fires with it. */
  dispose(): void {
    this.deadlineNs = Infinity;
    if (this.place >= 0) this.timers.remove(this);
  }
}

export class Timers {
  #heap: Timer[] = [];
  #wake = new WaitQueue();
  #armedNs = Infinity;
  #takeBack: () => void = () => {};

  constructor(private readonly environment: Environment) {
    environment.tasks.spawn(this.#serve());
  }

  /** Sets aside a timer that calls `fire`. */
  create(fire: () => void): Timer {
    return new Timer(this, fire);
  }

  /** Used by timers: finds the place for a deadline that is new or earlier than before. */
  place(timer: Timer): void {
    timer.placedNs = timer.deadlineNs;
    if (timer.place < 0) {
      timer.place = this.#heap.length;
      this.#heap.push(timer);
    }
    this.#up(timer.place);
    if (this.#heap[0].placedNs < this.#armedNs) this.#arm();
  }

  #arm(): void {
    this.#takeBack();
    this.#armedNs = this.#heap.length === 0 ? Infinity : this.#heap[0].placedNs;
    this.#takeBack = this.#armedNs === Infinity
      ? () => {}
      : this.environment.tasks.wakeAt(this.#armedNs, this.#wake);
  }

  *#serve(): Coroutine<void> {
    for (;;) {
      yield this.#wake;
      // While timers fire, those that they set need not arm anything.
      this.#armedNs = -Infinity;
      this.#fireDue(this.environment.nowNs());
      this.#arm();
    }
  }

  #fireDue(nowNs: number): void {
    const heap = this.#heap;
    while (heap.length > 0 && heap[0].placedNs <= nowNs) {
      const timer = heap[0];
      if (timer.deadlineNs > nowNs && timer.deadlineNs !== Infinity) {
        timer.placedNs = timer.deadlineNs;
        this.#down(0);
        continue;
      }
      this.#removeFirst();
      if (timer.deadlineNs === Infinity) continue;
      timer.deadlineNs = Infinity;
      timer.fire();
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    heap[0].place = -1;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    this.#down(0);
  }

  /** Used by timers: forgets one at once. */
  remove(timer: Timer): void {
    // To the top, where it is taken off.
    timer.placedNs = -Infinity;
    this.#up(timer.place);
    this.#removeFirst();
  }

  #up(place: number): void {
    const heap = this.#heap, timer = heap[place];
    while (place > 0) {
      const parent = place - 1 >> 1;
      if (heap[parent].placedNs <= timer.placedNs) break;
      heap[place] = heap[parent];
      heap[place].place = place;
      place = parent;
    }
    heap[place] = timer;
    timer.place = place;
  }

  #down(place: number): void {
    const heap = this.#heap, timer = heap[place];
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].placedNs < heap[child].placedNs) child++;
      if (heap[child].placedNs >= timer.placedNs) break;
      heap[place] = heap[child];
      heap[place].place = place;
      place = child;
    }
    heap[place] = timer;
    timer.place = place;
  }
}
