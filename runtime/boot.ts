// Boots the machine that a plan describes: memory, hardware thread, domains, hart, supervisors.
import type { Plan } from "../schemas/plan.ts";
import { Machine } from "./boot/machine.ts";
import type { MachineEvent, MachineReport } from "./report.ts";

export interface BootOptions {
  /** gets what programs print, as it comes */
  onOutput?(program: string, bytes: Uint8Array): void;
  onEvent?(event: MachineEvent): void;
  /** stops the machine in good order when it is aborted */
  signal?: AbortSignal;
}

/** A machine that runs. */
export interface RunningMachine {
  /** Resolves when every program has ended and the machine has stopped. */
  wait(): Promise<MachineReport>;
  /** Ends the programs and stops the machine. */
  stop(): Promise<void>;
  /** Makes a service domain fail, as a crash would. @throws Error for a domain that is not one */
  kill(domain: string): void;
}

/**
 * Boots a machine and starts its programs.
 *
 * @param plan what `compile` made
 * @throws Error when an image cannot be made or opened, or a domain does not start
 */
export async function boot(plan: Plan, options: BootOptions = {}): Promise<RunningMachine> {
  if (plan.version !== 1) {
    throw new Error(`Cannot boot plan of version ${plan.version}: this runtime has version 1`);
  }
  const machine = new Machine(plan, options);
  await machine.start();
  return machine;
}
