// What is declared holds something: an empty domain or slice is most likely a mistyped name.
import { suggestNear } from "../diagnostic/suggest.ts";
import type { Rule } from "./context.ts";

export const checkEmpty: Rule = ({ system, report, key }) => {
  const look = (kind: "domains" | "slices", isEmpty: (name: string) => boolean, holds: string) => {
    const names = Object.keys(system[kind]);
    for (const name of names.filter(isEmpty)) {
      report({
        code: "E0215",
        message: `${kind.slice(0, -1)} "${name}" holds nothing`,
        span: key(kind, name),
        hint: suggestNear(name, names.filter((other) => other !== name)) ??
          `give it ${holds}, or leave it out`,
      });
    }
  };
  look("slices", (name) => system.slices[name].length === 0, "components");
  look(
    "domains",
    (name) => {
      const { primary, slices, components, devices } = system.domains[name];
      return !primary && slices.length + components.length + devices.length === 0;
    },
    "slices, components or devices",
  );
};
