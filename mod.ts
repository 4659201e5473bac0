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

// Manifest to plan.
export { compile, load } from "./compose/disk.ts";
export { type Diagnostic, type FileKind, isError, type Loaded, render } from "./compose/mod.ts";
export type { Entry as NodeEntry, Node, SourceFile, Span } from "./compose/source/node.ts";
export type * from "./schemas/machine_plan.ts";
export type * from "./schemas/plan.ts";
export type { System } from "./schemas/system.ts";

// Plan to machine.
export {
  boot,
  type BootOptions,
  type ChromeEvent,
  type ChromeTrace,
  type EngineName,
  type Execution,
  type ExecutionEnd,
  type HostTerminal,
  type OutputTaker,
  type RunningMachine,
  type RunningProgram,
  type SessionStream,
} from "./runtime/boot.ts";
export type { TerminalSize } from "./runtime/hardware/device/virtio.ts";
export type { DomainEvent, Recovery } from "./runtime/hypervisor/supervisor.ts";
export type {
  DomainCounts,
  DomainReport,
  DomainState,
  MachineEvent,
  MachineReport,
  MachineState,
  ProgramReport,
  ProgramState,
  RingState,
} from "./runtime/report.ts";

// What programs use.
export { ExitProgram, PosixError } from "./runtime/user/native/program_end.ts";
export type { Entry, PollEntry, Stat } from "./runtime/user/native/structures.ts";
export type { Lock } from "./runtime/kernel/process/file/sys_fcntl.ts";
export {
  AT,
  F,
  LOCK,
  type NativeMain,
  O,
  POLL,
  SEEK,
  Sys,
  type ThreadKernel,
} from "./runtime/user/native/posix.ts";
