// Physical addresses: register windows, then the hypervisor's own memory (the IOMMU's tables), then what
// the manifest hands out: rings and the domains' memory.
import type { Domain, System } from "../../schemas/manifest.ts";
import type { RingPlan } from "../../schemas/plan.ts";
import type { Placement } from "./placement.ts";

export const REGISTERS_BASE = 0x1000_0000;
const HYPERVISOR_BASE = 0x4000_0000;
const MEMORY_BASE = 0x8000_0000;
const PAGE = 4096;
const toPage = (bytes: number) => Math.ceil(bytes / PAGE) * PAGE;

/** Header page, two queues of one cache line an entry, arena. */
const ringBytes = ({ depth, arena }: Domain["ring"]) => toPage(PAGE + 2 * depth * 64 + arena);

export interface Layout {
  directory: number;
  rings: RingPlan[];
  /** address spaces: the primary first, then service domains as the manifest orders them */
  spaces: { name: string; address: number; sizeBytes: number; heapBytes: number }[];
  usedBytes: number;
}

/** Lays out everything that takes physical memory. Domains with isolation `none` add to the primary's. */
export function layOut(system: System, placement: Placement): Layout {
  let next = MEMORY_BASE;
  const take = (sizeBytes: number) => {
    const address = next;
    next += toPage(sizeBytes);
    return { address, sizeBytes: toPage(sizeBytes) };
  };
  const rings: RingPlan[] = [];
  for (const { from, interface: name, providers } of placement.edges) {
    for (const { space } of providers) {
      const ringName = `${from.space}-${space}-${name}`;
      if (
        space === from.space || !system.domains[space] ||
        rings.some((ring) => ring.name === ringName)
      ) continue;
      const { ring } = system.domains[space];
      rings.push({
        name: ringName,
        client: from.space,
        server: space,
        interface: name,
        depth: ring.depth,
        arenaBytes: ring.arena,
        ...(ring.style === "trap" ? { spinUs: 0, style: ring.style } : { spinUs: ring.spin }),
        ...(name === "files" && ring.style !== "trap" && ring.clientCache && { clientCache: true }),
        ...take(ringBytes(ring)),
      });
    }
  }
  const shared = (domain: Domain) => domain.primary || domain.isolation === "none";
  const names = Object.keys(system.domains);
  const members = [placement.primary, ...names.filter((name) => !shared(system.domains[name]))];
  const spaces = members.map((name) => {
    const parts = name === placement.primary
      ? names.filter((other) => shared(system.domains[other])).map((other) => system.domains[other])
      : [system.domains[name]];
    const sum = (field: "memory" | "heap") => parts.reduce((total, part) => total + part[field], 0);
    return { name, ...take(sum("memory")), heapBytes: sum("heap") };
  });
  return { directory: HYPERVISOR_BASE, rings, spaces, usedBytes: next - MEMORY_BASE };
}
