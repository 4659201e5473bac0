// A plan as whoever isolates domains looks at it: each domain with its memory, its devices and its ends of rings.
import type { DevicePlan } from "../../schemas/machine_plan.ts";
import type { DomainPlan, Plan, RingPlan } from "../../schemas/plan.ts";

/** A domain, and all that is its own or shared with one other. */
export interface DomainParts {
  domain: DomainPlan;
  /** memory it owns: its own, and in the primary also that of the programs */
  memory: Range[];
  devices: DevicePlan[];
  /** rings that it is an end of */
  rings: { ring: RingPlan; end: "client" | "server"; peer: string }[];
}

/** Physical memory. */
export interface Range {
  address: number;
  sizeBytes: number;
}

/** All domains, the primary first. */
export function partsOf(plan: Plan): DomainParts[] {
  return plan.domains.map((domain) => ({
    domain,
    memory: [
      { address: domain.memory.address, sizeBytes: domain.memory.sizeBytes },
      ...domain.primary ? [userMemory(plan)] : [],
    ],
    devices: plan.machine.devices.filter((device) => device.domain === domain.name),
    rings: plan.rings.flatMap((ring) => [
      ...ring.client === domain.name ? [{ ring, end: "client" as const, peer: ring.server }] : [],
      ...ring.server === domain.name ? [{ ring, end: "server" as const, peer: ring.client }] : [],
    ]),
  }));
}

/** Memory of the programs: what lies behind rings and domains. */
export function userMemory(plan: Plan): Range {
  const taken = [...plan.rings, ...plan.domains.map((domain) => domain.memory)];
  const address = Math.max(...taken.map((one) => one.address + one.sizeBytes));
  return { address, sizeBytes: plan.machine.userMemoryBytes };
}

/** How much memory a domain owns. */
export function ownedBytes({ memory }: DomainParts): number {
  return memory.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Whether a disk's image is only read, and what the machine writes is gone with it. */
export function staysAsItIs({ rootfs }: DevicePlan): boolean {
  return rootfs !== undefined && rootfs.keep === undefined;
}

/** What its virtual machine gets: firmware, a kernel and a device tree have to fit besides. */
export function machineBytes(parts: DomainParts): number {
  return Math.max(16 << 20, ownedBytes(parts));
}

/** A name as an identifier of C: names have no capitals, so that no two become one. */
export function identifier(name: string): string {
  return name.replaceAll("_", "U").replaceAll("-", "_");
}

/** In the way addresses are written everywhere. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** A ring as a device of virtual machines: a power of two, as PCI has it, and 1 MiB at least, as libvirt has it. */
export function ringDeviceBytes({ sizeBytes }: RingPlan): number {
  return Math.max(1 << 20, 2 ** Math.ceil(Math.log2(sizeBytes)));
}
