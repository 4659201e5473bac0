// There is exactly one primary domain, and it is the machine's own address space.
import type { Rule } from "./context.ts";

export const checkPrimary: Rule = ({ system, report, at, key }) => {
  const primaries = Object.keys(system.domains).filter((name) => system.domains[name].primary);
  if (primaries.length === 0) {
    report({
      code: "E0210",
      message: "no domain is primary",
      span: key("domains"),
      hint: `say "primary: true" in one of: ${Object.keys(system.domains).join(", ")}`,
    });
  }
  for (const name of primaries.slice(1)) {
    report({
      code: "E0211",
      message: `domain "${name}" is primary, and so is "${primaries[0]}"`,
      span: at("domains", name, "primary"),
      related: [{ span: at("domains", primaries[0], "primary"), message: "first primary" }],
      hint: "user programs run in one of them",
    });
  }
  for (const name of primaries) {
    const { isolation } = system.domains[name];
    if (isolation === undefined || isolation === "none") continue;
    report({
      code: "E0212",
      message: `the primary domain cannot have isolation "${isolation}"`,
      span: at("domains", name, "isolation"),
      hint: "leave it out: the other domains are kept apart from the primary",
    });
  }
};
