// One test for all engines: each has a machine of its own.
import { type Assembler, Register } from "./assembler.ts";
import { engines } from "./engines.ts";
import { FlatMachine } from "./flat_machine.ts";

/** More than it takes for code to be translated, and for translated code to be improved. */
export const OFTEN = 20_000;
/** What the machines' clock says. */
export const NOW = 2 ** 40 + 7;
const BUDGET = 100_000_000;
const { t0 } = Register;

export function eachEngine(name: string, test: (machine: FlatMachine) => void): void {
  for (const [engine, makeEngine] of Object.entries(engines)) {
    Deno.test(`${engine}: ${name}`, () => test(new FlatMachine(makeEngine, { nowNs: () => NOW })));
  }
}

/** Makes a machine ready to run a program once. @param executableData whether data may be executed, too */
export function load(machine: FlatMachine, assembler: Assembler, executableData = false): void {
  machine.load(assembler.elf(executableData));
  machine.setBudget(BUDGET);
}

/** A loop around a body that runs OFTEN, counting in t0. */
export function often(assembler: Assembler, body: () => void): void {
  const again = assembler.label();
  assembler.li(t0, OFTEN).bind(again);
  body();
  assembler.emit("addi", { rd: t0, rs1: t0, imm: -1 }).to(again, "bne", { rs1: t0 });
}
