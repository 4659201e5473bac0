// The engines that have to agree.
import { RiscvHart } from "../riscv_hart.ts";
import type { MakeEngine } from "./flat_machine.ts";
import { InterpretingEngine } from "../interpreting_engine.ts";

export const engines: Record<string, MakeEngine> = {
  interpreted: (...parts) => new InterpretingEngine(...parts),
  translated: (...parts) => new RiscvHart(...parts),
};
