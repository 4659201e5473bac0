// Plan -> system description of the seL4 Microkit, after the chapter on it in its manual: a protection domain a domain,
// a memory region each for memory, rings and registers, a channel a ring. Domains that are restarted are children of a
// supervisor, whose `fault` entry point hears of their faults.
import type { DomainPlan, Plan, RingPlan } from "../../schemas/plan.ts";
import { type Exporter, Inexpressible } from "./exported.ts";
import {
  deviceNote,
  diskNotes,
  domainNotes,
  networkNotes,
  recoveryNote,
  ringNote,
  softwareNotes,
} from "./notes.ts";
import { type DomainParts, hex, partsOf } from "./parts.ts";
import { comment, type Content, document, element } from "./xml.ts";

const PAGE = 0x1000;
const LARGE_PAGE = 0x20_0000;
/** Channel identifiers of a protection domain are below. */
const CHANNELS = 63;
const SUPERVISOR = "supervisor";
const SUPERVISOR_PRIORITY = 254;
const PRIMARY_PRIORITY = 100;

/** Memory, by a name of two parts, since names have no dot, and where every protection domain that maps it has it. */
interface Region {
  name: string;
  sizeBytes: number;
  pageBytes: number;
  virtual: number;
}

/** One file, `NAME.system`, for the `microkit` tool. */
export const toMicrokit: Exporter = (plan) => {
  const regions = layOut(plan);
  const priorities = prioritiesOf(plan);
  const domains = partsOf(plan).map((parts) => ({
    restarts: parts.domain.recovery.policy === "restart",
    content: protectionDomain(plan, parts, regions, priorities.get(parts.domain.name)!),
  }));
  const children = domains.filter(({ restarts }) => restarts);
  const root = element(
    "system",
    {},
    comment(...notes(plan)),
    ...regions.values().map(regionElement),
    ...plan.machine.devices.map(({ name, registers }) =>
      element("memory_region", {
        name: `registers.${name}`,
        size: hex(PAGE),
        page_size: hex(PAGE),
        phys_addr: hex(registers),
      })
    ),
    ...domains.filter(({ restarts }) => !restarts).flatMap(({ content }) => content()),
    ...children.length > 0
      ? [
        element(
          "protection_domain",
          { name: supervisorName(plan), priority: SUPERVISOR_PRIORITY },
          element("program_image", { path: "supervisor.elf" }),
          ...children.flatMap(({ content }, index) => content(index)),
        ),
      ]
      : [],
    ...plan.rings.map((ring) => channel(plan, ring)),
  );
  return [{ name: `${plan.name}.system`, text: document(root) }];
};

/** A name that no domain has. */
function supervisorName(plan: Plan): string {
  const taken = plan.domains.some(({ name }) => name === SUPERVISOR);
  return taken ? SUPERVISOR.toUpperCase() : SUPERVISOR;
}

/** One address space for all: rings, then domains, then the programs' memory, as in the plan, with large pages. */
function layOut(plan: Plan): Map<string, Region> {
  const user = plan.machine.userMemoryBytes;
  const wanted = [
    ...plan.rings.map(({ name, sizeBytes }) => ({ name: `ring.${name}`, sizeBytes })),
    ...plan.domains.map(({ name, memory }) => ({
      name: memoryName(name),
      sizeBytes: memory.sizeBytes,
    })),
    { name: "programs", sizeBytes: user - user % LARGE_PAGE },
  ];
  let next = Math.min(
    ...plan.rings.map(({ address }) => address),
    ...plan.domains.map(({ memory }) => memory.address),
  );
  const regions = wanted.filter(({ sizeBytes }) => sizeBytes > 0).map(
    ({ name, sizeBytes }): Region => {
      const pageBytes = sizeBytes % LARGE_PAGE === 0 ? LARGE_PAGE : PAGE;
      const virtual = Math.ceil(next / pageBytes) * pageBytes;
      next = virtual + sizeBytes;
      return { name, sizeBytes, pageBytes, virtual };
    },
  );
  return new Map(regions.map((region) => [region.name, region]));
}

const memoryName = (domain: string) => `memory.${domain}`;

const regionElement = ({ name, sizeBytes, pageBytes }: Region) =>
  element("memory_region", { name, size: hex(sizeBytes), page_size: hex(pageBytes) });

/** A server above its clients, as protected procedures have it; in a circle some are not. */
function prioritiesOf({ domains, rings }: Plan): Map<string, number> {
  const ranks = new Map(domains.map(({ name }) => [name, 0]));
  for (const _ of domains) {
    for (const { client, server } of rings) {
      const above = Math.min(domains.length, ranks.get(client)! + 1);
      ranks.set(server, Math.max(ranks.get(server)!, above));
    }
  }
  for (const { name, client, server, style } of rings) {
    if (style === "trap" && ranks.get(server)! <= ranks.get(client)!) {
      throw new Inexpressible(
        `Cannot export ring ${name} to Microkit: its calls trap, and domains ${client} and ${server} call each other`,
      );
    }
  }
  return new Map([...ranks].map(([name, rank]) => [name, PRIMARY_PRIORITY + rank]));
}

function protectionDomain(
  plan: Plan,
  { domain, devices, rings }: DomainParts,
  regions: Map<string, Region>,
  priority: number,
): (id?: number) => Content[] {
  const used = rings.length + devices.length;
  if (used > CHANNELS) {
    throw new Inexpressible(
      `Cannot export domain ${domain.name} to Microkit: it has ${used} rings and interrupts, ` +
        `and a protection domain ${CHANNELS} channels`,
    );
  }
  const map = (name: string) => {
    const region = regions.get(name)!;
    return element("map", { mr: name, vaddr: hex(region.virtual), perms: "rw" });
  };
  return (id) => [
    comment(...pdNotes(plan, domain, devices)),
    element(
      "protection_domain",
      { name: domain.name, id, priority },
      element("program_image", { path: `${domain.name}.elf` }),
      map(memoryName(domain.name)),
      ...domain.primary && regions.has("programs") ? [map("programs")] : [],
      ...rings.map(({ ring }) => map(`ring.${ring.name}`)),
      ...devices.flatMap((device) => [
        element("map", {
          mr: `registers.${device.name}`,
          vaddr: hex(device.registers),
          perms: "rw",
          cached: "false",
        }),
        element("irq", {
          irq: device.interrupt,
          id: rings.length + devices.indexOf(device),
        }),
      ]),
      ...devices.length > 0
        ? [element("setvar", { symbol: "memory_paddr", region_paddr: memoryName(domain.name) })]
        : [],
    ),
  ];
}

function pdNotes(plan: Plan, domain: DomainPlan, devices: DomainParts["devices"]): string[] {
  return [
    ...domainNotes(domain),
    recoveryNote(domain),
    ...devices.flatMap((device) => [
      deviceNote(plan, device),
      ...diskNotes(device),
      ...device.network ? networkNotes(device.name, device.network) : [],
    ]),
  ];
}

/** Doorbells; where each call traps, it is a protected procedure. */
function channel(plan: Plan, ring: RingPlan): Content {
  const end = (pd: string, pp?: string) => {
    const { rings } = partsOf(plan).find(({ domain }) => domain.name === pd)!;
    return element("end", { pd, id: rings.findIndex((one) => one.ring === ring), pp });
  };
  return element(
    "channel",
    {},
    comment(ringNote(ring)),
    end(ring.client, ring.style === "trap" ? "true" : undefined),
    end(ring.server),
  );
}

function notes(plan: Plan): string[] {
  return [
    `System ${plan.name} for the seL4 Microkit on 64-bit RISC-V.`,
    "A ring is a region that two protection domains map, and a channel that they ring as its doorbell.",
    "Programs find the physical address of their memory in the variable memory_paddr, for their devices.",
    "",
    "What Microkit has no words for:",
    "- the IOMMU: on RISC-V it sets none up, so that a driver can have its device write anywhere. Drivers are",
    "  trusted here, and the plan's second stage is not there.",
    "- the board: registers and interrupts are the plan's. Put those of your board's devices in their place.",
    "- addresses of memory: the tool chooses them, for the kernel is where the plan's memory is. Virtual ones keep",
    "  the plan's order, and those of registers are the plan's.",
    "- the limit on restarts, the time between them, the heartbeat: supervisor.elf does that in its entry point",
    "  `fault`, with a timer of its own, and with microkit_pd_restart, which leaves data as they were.",
    "- user programs: the primary's program has to run them. Their memory is rounded down to 2 MiB.",
    "",
    ...softwareNotes(plan),
  ];
}
