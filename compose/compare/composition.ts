// What a placement comes down to: which domain holds what, which calls cross, and what dies with what.
import type { ClientContract, Isolation, Plan } from "../../schemas/plan.ts";

/** A domain, and what depends on it. */
export interface DomainView {
  name: string;
  isolation: Isolation;
  /** names in the catalogue */
  components: string[];
  devices: string[];
  /** system calls that it serves */
  calls: number;
  /** what its failure does */
  failure: Failure;
}

/** What becomes of the rest when a domain fails. */
export type Failure =
  /** the machine ends */
  | { ends: "machine" }
  /** it is replaced; its callers, and theirs, wait or get an error meanwhile */
  | { ends: "domain"; callers: string[]; contract: ClientContract };

/** An interface whose calls go from a domain to another. */
export interface Crossing {
  interface: string;
  client: string;
  server: string;
}

export interface Composition {
  name: string;
  /** the primary first */
  domains: DomainView[];
  crossings: Crossing[];
  /** system calls whose way leads through another domain than the primary */
  crossingCalls: number;
}

/** Who calls a domain, directly or through others. */
function callersOf(plan: Plan, server: string): string[] {
  const found = new Set<string>();
  const queue = [server];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const ring of plan.rings) {
      if (ring.server !== next || found.has(ring.client)) continue;
      found.add(ring.client);
      queue.push(ring.client);
    }
  }
  return plan.domains.map(({ name }) => name).filter((name) => found.has(name));
}

export function compositionOf(plan: Plan): Composition {
  const primary = plan.domains.find((domain) => domain.primary)!.name;
  const domains = plan.domains.map((domain): DomainView => {
    const { name, isolation, recovery, devices } = domain;
    const alone = !domain.primary && isolation !== "none" && recovery.policy === "restart";
    return {
      name,
      isolation,
      components: [...new Set(domain.components.map(({ component }) => component))],
      devices,
      calls: plan.routes.filter((route) => route.domain === name).length,
      failure: alone
        ? { ends: "domain", callers: callersOf(plan, name), contract: recovery.clients }
        : { ends: "machine" },
    };
  });
  return {
    name: plan.name,
    domains,
    crossings: plan.rings.map(({ interface: name, client, server }) => ({
      interface: name,
      client,
      server,
    })),
    crossingCalls: plan.routes.filter((route) => route.domain !== primary).length,
  };
}
