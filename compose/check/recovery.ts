// Recovery is a contract: what is restarted says what its callers get meanwhile.
import { apart } from "../plan/placement.ts";
import type { Rule } from "./context.ts";

export const checkRecovery: Rule = ({ system, placement, report, at, key }) => {
  for (const { from, providers } of placement.edges) {
    const journals = apart(providers).filter((provider) => provider.component === "ext4");
    const name = from.domain;
    if (journals.length < 2 || system.domains[name]?.recovery?.clients !== "retry") continue;
    report({
      code: "E0504",
      message: `"${from.name}" has ${journals.length} journals, and its callers are promised retry`,
      span: at("domains", name, "recovery", "clients"),
      related: journals.map((journal) => ({ span: at(...journal.place), message: "one of them" })),
      hint: "what is durable is told by one journal a server: give each slice a vfs of its own",
    });
  }
  for (const [name, domain] of Object.entries(system.domains)) {
    const { recovery } = domain;
    const isolation = domain.isolation ?? (domain.primary ? "none" : "process");
    if (recovery && isolation === "none") {
      report({
        code: "E0503",
        message: `domain "${name}" cannot be restarted alone`,
        span: key("domains", name, "recovery"),
        hint: domain.primary
          ? "the primary ends with its machine"
          : 'isolation "none" shares the fate of the primary',
      });
    } else if (recovery?.policy === "restart" && recovery.clients === undefined) {
      report({
        code: "E0501",
        message: `domain "${name}" is restarted, but nothing says what its callers get meanwhile`,
        span: key("domains", name, "recovery"),
        hint:
          "clients: retry (calls wait and are repeated) or clients: error (calls fail with EIO)",
      });
    } else if (recovery?.policy === "fail" && recovery.clients !== undefined) {
      report({
        code: "E0502",
        message: `domain "${name}" is not restarted, so its callers get nothing`,
        span: at("domains", name, "recovery", "clients"),
        related: [{
          span: at("domains", name, "recovery", "policy"),
          message: "policy fail ends the machine",
        }],
        hint: "leave out clients, or say policy: restart",
      });
    }
    if (isolation === "worker") {
      report({
        code: "W0501",
        message:
          `domain "${name}" is a worker: it cannot be killed while it loops, and its heap is not limited`,
        span: at("domains", name, "isolation"),
        hint: "isolation: process contains both",
      });
    }
  }
};
