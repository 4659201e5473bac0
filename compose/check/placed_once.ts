// A slice, a component and a device have one place each; some components only in the primary.
import type { Rule } from "./context.ts";

export const checkPlacedOnce: Rule = ({ system, placement, report, at }) => {
  const once = (code: string, what: string, list: "slices" | "devices") => {
    const first = new Map<string, { domain: string; index: number }>();
    for (const [domain, value] of Object.entries(system.domains)) {
      value[list].forEach((name, index) => {
        const earlier = first.get(name);
        if (!earlier) return void first.set(name, { domain, index });
        const verb = list === "devices" ? "assigned" : "placed";
        const two = earlier.domain === domain
          ? "twice"
          : list === "devices"
          ? "to two domains"
          : "in two domains";
        report({
          code,
          message: `${what} "${name}" is ${verb} ${two}`,
          span: at("domains", domain, list, index),
          label: `also ${verb} here`,
          related: [{
            span: at("domains", earlier.domain, list, earlier.index),
            message: `first ${verb} ${list === "devices" ? "to" : "in"} domain "${earlier.domain}"`,
          }],
          hint: list === "devices"
            ? `give "${domain}" its own device`
            : `declare a second slice with the same components`,
        });
      });
    }
  };
  once("E0205", "slice", "slices");
  once("E0207", "device", "devices");
  const seen = new Map<string, (string | number)[]>();
  for (const instance of placement.instances) {
    const id = `${instance.domain} ${instance.name}`;
    const earlier = seen.get(id);
    if (earlier) {
      report({
        code: "E0206",
        message: `component "${instance.component}" is placed twice`,
        span: at(...instance.place),
        label: "placed again",
        related: [{ span: at(...earlier), message: "first placed" }],
        hint: "two of a kind are told apart by their slices",
      });
    } else seen.set(id, instance.place);
    if (
      instance.described.primaryOnly && instance.domain !== placement.primary &&
      placement.primary !== ""
    ) {
      report({
        code: "E0208",
        message: `component "${instance.component}" has to be in the primary domain`,
        span: at(...instance.place),
        hint: `move it to domain "${placement.primary}": it keeps state of user processes`,
      });
    }
  }
};
