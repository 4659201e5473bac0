// The engines that a machine can have, by the names that users have for them.
import type { RegionRecorder } from "./dump.ts";
import type { Engine, HartClock, Pager } from "./engine.ts";
import type { HartMemory } from "./hart_memory.ts";
import { InterpretingEngine } from "./interpreting_engine.ts";
import { LockstepEngine } from "./lockstep.ts";
import { type CodeSaving, RiscvHart } from "./riscv_hart.ts";

/** Translation with interpretation of what is rare; interpretation alone; both, compared. */
export type EngineName = "translator" | "interpreter" | "lockstep";

/** @param recorder is told of translated code, `saving` has it kept: only the translator has any that lasts */
export function makeEngine(
  name: EngineName,
  memory: HartMemory,
  pager: Pager,
  clock: HartClock,
  recorder?: RegionRecorder,
  saving?: CodeSaving,
): Engine {
  switch (name) {
    case "translator":
      return new RiscvHart(memory, pager, clock, recorder, saving);
    case "interpreter":
      return new InterpretingEngine(memory, pager, clock);
    case "lockstep":
      return new LockstepEngine(memory, pager, clock);
  }
}
