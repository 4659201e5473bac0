// Every need has one provider, reached by a call or, where the interface allows it, by a ring that both
// ends can reach; domains do not wait for each other in a circle; and nobody is there in vain.
import { components, interfaces } from "../../schemas/components.ts";
import { takesMany } from "../plan/placement.ts";
import { findCircle } from "./circle.ts";
import { amountText, wholeMebibytes } from "../../schemas/manifest_shape.ts";
import type { Rule } from "./context.ts";

export const checkEdges: Rule = ({ system, placement, report, at, key }) => {
  const mechanism = (domain: string) => system.domains[domain]?.isolation ?? "process";
  const waits = new Map<string, Set<string>>();
  for (const { from, interface: name, providers, transport } of placement.edges) {
    const span = at(...from.place);
    if (providers.length === 0) {
      const makers = components.filter((component) => component.provides.includes(name)).map((
        component,
      ) => component.name);
      report({
        code: "E0301",
        message: `nobody provides "${name}", which "${from.name}" needs`,
        span,
        hint: `components that provide it: ${makers.join(", ")}`,
      });
      continue;
    }
    if (providers.length > 1 && !takesMany(name)) {
      report({
        code: "E0302",
        message: `"${from.name}" needs one "${name}", and ${providers.length} provide it`,
        span,
        related: providers.map((provider) => ({
          span: at(...provider.place),
          message: `"${provider.name}" could`,
        })),
        hint: "put the two that belong together into one slice",
      });
    }
    if (transport === "call") continue;
    for (const provider of providers.filter((provider) => provider.space !== from.space)) {
      if (interfaces.find((described) => described.name === name)?.transport !== "ring") {
        report({
          code: "E0303",
          message:
            `"${from.name}" and "${provider.name}" are in different domains, and "${name}" cannot cross`,
          span,
          label: `in domain "${from.domain}"`,
          related: [{
            span: at(...provider.place),
            message: `"${provider.name}" is in domain "${provider.domain}"`,
          }],
          hint: `place both in one domain; interfaces that cross: ${
            interfaces.filter((described) => described.transport === "ring").map((described) =>
              described.name
            ).join(", ")
          }`,
        });
      }
      if (
        from.space !== placement.primary && provider.space !== placement.primary &&
        mechanism(from.domain) !== mechanism(provider.domain)
      ) {
        report({
          code: "E0305",
          message: `"${from.name}" is in a ${mechanism(from.domain)} and "${provider.name}" in a ${
            mechanism(provider.domain)
          }: no memory reaches both`,
          span,
          label: `in domain "${from.domain}"`,
          related: [{
            span: at(...provider.place),
            message: `"${provider.name}" is in domain "${provider.domain}"`,
          }],
          hint: `give domains "${from.domain}" and "${provider.domain}" the same isolation`,
        });
      }
      const { depth, arena } = system.domains[provider.space].ring;
      const slotBytes = Math.floor(arena / depth / 64) * 64;
      const wanted = interfaces.find((described) => described.name === name)?.slotBytes ?? 0;
      if (slotBytes < wanted) {
        report({
          code: "E0306",
          message: `the ring of domain "${provider.domain}" carries ${
            amountText(slotBytes, "bytes")
          } at once, and "${name}" needs ${amountText(wanted, "bytes")}`,
          span: key("domains", provider.domain),
          label: `depth ${depth}, arena ${amountText(arena, "bytes")}`,
          hint: `arena: ${amountText(wholeMebibytes(wanted * depth), "bytes")} would do`,
        });
      }
      waits.set(from.space, (waits.get(from.space) ?? new Set()).add(provider.space));
    }
  }
  const used = new Set(placement.edges.flatMap(({ providers }) => providers));
  for (const instance of placement.instances) {
    if (used.has(instance) || instance.described.serves !== undefined) continue;
    const other = placement.instances.find((each) =>
      used.has(each) && each.component === instance.component
    );
    report({
      code: "W0301",
      message: `nobody uses component "${instance.name}"`,
      span: at(...instance.place),
      ...(other && { related: [{ span: at(...other.place), message: `"${other.name}" is used` }] }),
      hint: "leave it out, or place what needs it beside it",
    });
  }
  const circle = findCircle(waits);
  if (circle) {
    report({
      code: "E0304",
      message: `domains wait for each other in a circle: ${circle.join(" -> ")}`,
      span: key("domains", circle[0]),
      hint: "move one of the components so that all calls go one way",
    });
  }
};
