// Names that have to exist: components of slices and domains, slices and devices of domains.
import { suggest } from "../diagnostic/suggest.ts";
import { catalogue } from "../plan/placement.ts";
import type { Rule } from "./context.ts";

export const checkNames: Rule = ({ system, report, at }) => {
  const look = (code: string, what: string, names: string[], known: string[], place: string[]) =>
    names.forEach((name, index) => {
      if (known.includes(name)) return;
      report({
        code,
        message: `unknown ${what} "${name}"`,
        span: at(...place, index),
        hint: suggest(name, known),
      });
    });
  const known = [...catalogue.keys()];
  for (const [slice, members] of Object.entries(system.slices)) {
    look("E0201", "component", members, known, ["slices", slice]);
  }
  for (const [name, domain] of Object.entries(system.domains)) {
    look("E0201", "component", domain.components, known, ["domains", name, "components"]);
    look("E0202", "slice", domain.slices, Object.keys(system.slices), ["domains", name, "slices"]);
    look("E0203", "device", domain.devices, Object.keys(system.machine.devices), [
      "domains",
      name,
      "devices",
    ]);
  }
  for (const [path, { slice }] of Object.entries(system.mounts)) {
    if (slice === undefined || Object.hasOwn(system.slices, slice)) continue;
    const span = at("mounts", path, "slice");
    report({
      code: "E0204",
      message: `unknown slice "${slice}"`,
      span,
      hint: suggest(slice, Object.keys(system.slices)),
    });
  }
};
