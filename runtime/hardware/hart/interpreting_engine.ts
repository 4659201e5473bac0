// The interpreter alone as an engine: what translated code is compared with.
import { type Engine, type HartClock, type Pager, StopReason } from "./engine.ts";
import type { HartMemory } from "./hart_memory.ts";
import { Interpreter } from "./interpreter/interpreter.ts";
import { State } from "./state.ts";

export class InterpretingEngine implements Engine {
  readonly interpreter: Interpreter;
  readonly #words: Int32Array;
  readonly #budget: number;

  constructor(memory: HartMemory, pager: Pager, clock: HartClock) {
    this.interpreter = new Interpreter(memory, pager, clock);
    this.#words = memory.words;
    this.#budget = memory.state + State.BUDGET >> 2;
  }

  run(): StopReason {
    while (this.#words[this.#budget] > 0) {
      const reason = this.interpreter.runBlock();
      if (reason !== 0) return reason as StopReason;
    }
    return StopReason.BUDGET;
  }

  invalidate(frame: number): void {
    this.interpreter.invalidate(frame);
  }

  /** There is no jump cache. */
  forgetJumps(): void {}
}
