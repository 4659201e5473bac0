/**
 * VirtuOS Toolkit: load a manifest, compile it to a plan, boot the machine it describes.
 *
 * @example
 * ```ts
 * import { boot, compile, load } from "@virtuos/toolkit";
 *
 * const { plan, diagnostics } = compile(await load("examples/quickstart.yaml"));
 * if (plan === undefined) throw new Error(diagnostics.map((each) => each.message).join("\n"));
 * const machine = await boot(plan, { onOutput: (_program, bytes) => Deno.stdout.writeSync(bytes) });
 * const report = await machine.wait();
 * console.log(report.programs);
 * ```
 *
 * @module
 */
export { compile, load } from "./compose/disk.ts";
export { type Diagnostic, isError, type Loaded, render } from "./compose/mod.ts";
export { boot, type BootOptions, type RunningMachine } from "./runtime/boot.ts";
export type { DomainReport, MachineEvent, MachineReport, ProgramReport } from "./runtime/report.ts";
export type { Plan } from "./schemas/plan.ts";
export {
  type Entry,
  ExitProgram,
  F,
  LOCK,
  type NativeMain,
  O,
  POLL,
  PosixError,
  SEEK,
  type Stat,
  Sys,
} from "./runtime/user/native/posix.ts";
