// Manifest -> component instances with their domains, devices and edges. What is ambiguous or missing
// is left open here and reported by the rules of compose/check.
import { type ComponentDescription, components, interfaces } from "../../schemas/components.ts";
import type { System } from "../../schemas/manifest.ts";

/** One component in one place. */
export interface Instance {
  /** unique in the machine: the slice before the component where a slice holds it */
  name: string;
  component: string;
  slice?: string;
  /** domain as the manifest places it */
  domain: string;
  /** domain whose address space it is in: a domain with isolation `none` is the primary's */
  space: string;
  described: ComponentDescription;
  device?: string;
  /** where the manifest names it */
  place: (string | number)[];
}

/** A need of an instance, and everybody who could serve it from the nearest scope that has one. */
export interface Edge {
  from: Instance;
  interface: string;
  providers: Instance[];
  transport: "ring" | "call";
}

export interface Placement {
  primary: string;
  instances: Instance[];
  edges: Edge[];
}

export const catalogue = new Map(components.map((component) => [component.name, component]));
const described = new Map(interfaces.map((described) => [described.name, described]));

/** Interfaces of which one may need several: file systems of a VFS, file services of the process component. */
export function takesMany(name: string): boolean {
  return name === "files" || described.get(name)?.many === true;
}

/** Places every component; names that are not known are left out. */
export function place(system: System): Placement {
  const domains = Object.entries(system.domains);
  const primary = domains.find(([, domain]) => domain.primary)?.[0] ?? "";
  const instances: Instance[] = [];
  const add = (component: string, domain: string, where: (string | number)[], slice?: string) => {
    const description = catalogue.get(component);
    if (!description) return;
    const alone = system.domains[domain]?.isolation === "none";
    const name = slice === undefined ? component : `${slice}.${component}`;
    instances.push({
      name,
      component,
      slice,
      domain,
      space: alone ? primary : domain,
      described: description,
      place: where,
    });
  };
  for (const [slice, members] of Object.entries(system.slices)) {
    const home = domains.find(([, domain]) => domain.slices.includes(slice))?.[0] ?? primary;
    members.forEach((component, index) => {
      const elsewhere = domains.find(([name, domain]) =>
        name !== home && domain.components.includes(component) && !domain.slices.includes(slice) &&
        catalogue.get(component)?.device !== undefined
      )?.[0];
      add(component, elsewhere ?? home, ["slices", slice, index], slice);
    });
  }
  for (const [domain, { components: singles }] of domains) {
    singles.forEach((component, index) => {
      const ofSlice = instances.some((other) =>
        other.component === component && other.domain === domain && other.slice &&
        other.described.device
      );
      if (!ofSlice) add(component, domain, ["domains", domain, "components", index]);
    });
  }
  attachDevices(system, instances);
  return {
    primary,
    instances,
    edges: instances.flatMap((instance) => edgesOf(instance, instances)),
  };
}

/** Instances without those that cannot be told from others, which are a mistake of their own. */
export function apart(instances: Instance[]): Instance[] {
  const byName = new Map(instances.map((each) => [`${each.domain} ${each.name}`, each]));
  return [...byName.values()];
}

/** Each driver takes the next device of its model in its domain, in the order of the manifest. */
function attachDevices(system: System, instances: Instance[]): void {
  for (const [domain, { devices }] of Object.entries(system.domains)) {
    const free = [...devices];
    for (
      const instance of instances.filter((instance) =>
        instance.domain === domain && instance.described.device
      )
    ) {
      const index = free.findIndex((name) =>
        system.machine.devices[name]?.model === instance.described.device
      );
      if (index >= 0) instance.device = free.splice(index, 1)[0];
    }
  }
}

function edgesOf(from: Instance, instances: Instance[]): Edge[] {
  const { needs, wants = [] } = from.described;
  const edges = [...needs, ...wants].map((name) => {
    const all = instances.filter((other) =>
      other !== from && other.described.provides.includes(name)
    );
    const inSlice = all.filter((other) => from.slice !== undefined && other.slice === from.slice);
    const inSpace = all.filter((other) => other.space === from.space);
    // A chain that has its own neighbour does not lend its parts to those outside of it.
    const lent = inSpace.filter((other) =>
      other.slice === undefined ||
      !instances.some((rival) =>
        rival !== from && rival.slice === other.slice && rival.component === from.component
      )
    );
    const scopes = name === "files" ? [all] : [inSlice, lent, inSpace, all];
    const providers = scopes.find((scope) => scope.length > 0) ?? [];
    const crosses = providers.some((provider) => provider.space !== from.space);
    const transport: Edge["transport"] = crosses ? "ring" : "call";
    return { from, interface: name, providers, transport };
  });
  return edges.filter((edge) => needs.includes(edge.interface) || edge.providers.length > 0);
}
