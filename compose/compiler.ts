// Loaded manifest -> diagnostics -> plan: the one checker behind every command.
import type { Plan } from "../schemas/plan.ts";
import { makeContext, type Rule } from "./check/context.ts";
import { checkDevices } from "./check/devices.ts";
import { checkEdges } from "./check/edges.ts";
import { checkEmpty } from "./check/empty.ts";
import { checkImages } from "./check/images.ts";
import { checkInjectedFaults } from "./check/injected_faults.ts";
import { checkMemory } from "./check/memory.ts";
import { checkMounts } from "./check/mounts.ts";
import { checkNames } from "./check/names.ts";
import { checkNetwork } from "./check/network.ts";
import { checkPlacedOnce } from "./check/placed_once.ts";
import { checkPrimary } from "./check/primary.ts";
import { checkPrograms } from "./check/programs.ts";
import { checkReadiness } from "./check/readiness.ts";
import { checkRecovery } from "./check/recovery.ts";
import { type Diagnostic, isError } from "./diagnostic/diagnostic.ts";
import { place } from "./plan/placement.ts";
import { type CallGroup, makePlan } from "./plan/plan.ts";
import type { Loaded } from "./source/load.ts";

const rules: Rule[] = [
  checkNames,
  checkEmpty,
  checkPlacedOnce,
  checkPrimary,
  checkDevices,
  checkImages,
  checkNetwork,
  checkMounts,
  checkRecovery,
  checkPrograms,
  checkReadiness,
  checkInjectedFaults,
];
/** Rules about what follows from names and places: of use only once those are sound. */
const derived: Rule[] = [checkEdges, checkMemory];

/** Everything that is wrong with a manifest, in the order of its lines. Structural faults hide the rest. */
export function check(loaded: Loaded, calls: readonly CallGroup[] = []): Diagnostic[] {
  const { system, root, existing, kinds } = loaded;
  const diagnostics = [...loaded.diagnostics];
  if (system) {
    const context = makeContext({
      system,
      root,
      existing,
      kinds,
      placement: place(system),
      calls: new Map(calls.map(({ name, group }) => [name, group])),
      report: (diagnostic) => void diagnostics.push(diagnostic),
    });
    for (const rule of rules) rule(context);
    if (!diagnostics.some((one) => /^E02(0[1-8]|1)/.test(one.code))) {
      for (const rule of derived) rule(context);
    }
  }
  return diagnostics.sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
}

/** The plan of a manifest without errors; warnings do not stop it. */
export function compile(
  loaded: Loaded,
  calls: readonly CallGroup[] = [],
): { plan?: Plan; diagnostics: Diagnostic[] } {
  const diagnostics = check(loaded, calls);
  if (!loaded.system || diagnostics.some(isError)) return { diagnostics };
  return { plan: makePlan(loaded.system, loaded.root, place(loaded.system), calls), diagnostics };
}
