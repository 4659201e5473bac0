// Programs exist, and somebody serves the system calls they say they use.
import { limits } from "../../schemas/limits.ts";
import { suggest } from "../diagnostic/suggest.ts";
import { pathAt } from "../source/load.ts";
import type { Rule } from "./context.ts";

export const checkPrograms: Rule = (
  { system, root, existing, calls, placement, report, at, key },
) => {
  const served = new Set(placement.instances.map((instance) => instance.described.serves));
  for (const [name, program] of Object.entries(system.programs)) {
    // What is in the machine is looked for when it runs.
    const inside = program.run.startsWith("/");
    if (!inside && !existing.has(pathAt(root, ["programs", name, "run"], program.run))) {
      report({
        code: "E0801",
        message: `program "${program.run}" does not exist`,
        span: at("programs", name, "run"),
      });
    }
    program.uses.forEach((call, index) => {
      const group = calls.get(call);
      if (group !== undefined && served.has(group)) return;
      report({
        code: "E0802",
        message: `nobody serves the system call "${call}", which program "${name}" uses`,
        span: at("programs", name, "uses", index),
        hint: group === undefined
          ? suggest(call, calls.keys())
          : `place a component that serves "${group}"`,
      });
    });
  }
  const counts = {
    programs: system.programs,
    domains: system.domains,
    devices: system.machine.devices,
  };
  for (const what of ["programs", "domains", "devices"] as const) {
    if (Object.keys(counts[what]).length <= limits[what].max) continue;
    const span = what === "devices" ? key("machine", "devices") : key(what);
    report({
      code: "E0803",
      message: `more than ${limits[what].max} ${what}`,
      span,
      hint: limits[what].reason,
    });
  }
};
