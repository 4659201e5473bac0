// Plan -> one domain of Xen a domain, after xl.cfg(5). A ring is physical memory of the host, at the plan's address,
// that exactly the two domains map by `iomem`: the host has to keep it out of Xen's hands (the device tree of the same
// plan reserves it).
import type { DevicePlan } from "../../schemas/machine_plan.ts";
import type { Plan, RingPlan } from "../../schemas/plan.ts";
import type { Exporter } from "./exported.ts";
import {
  deviceNote,
  diskNotes,
  domainNotes,
  networkNotes,
  recoveryNote,
  ringNote,
  softwareNotes,
} from "./notes.ts";
import { type DomainParts, hex, ownedBytes, partsOf, staysAsItIs } from "./parts.ts";
import { bridgeOf } from "./networks.ts";

const PAGE = 4096;

/** A file a domain, `DOMAIN.cfg`, for `xl create`. */
export const toXen: Exporter = (plan) =>
  partsOf(plan).map((parts) => ({
    name: `${parts.domain.name}.cfg`,
    text: `${configuration(plan, parts).join("\n")}\n`,
  }));

function configuration(plan: Plan, parts: DomainParts): string[] {
  const { domain, devices, rings } = parts;
  const failed = domain.recovery.policy === "restart" ? "restart" : "destroy";
  const mebibytes = Math.ceil(ownedBytes(parts) / (1 << 20));
  const disks = devices.filter(({ model }) => model === "virtio-blk");
  const networks = devices.filter(({ model }) => model === "virtio-net");
  return [
    ...header(plan, parts).map((line) => `# ${line}`.trimEnd()),
    `name = ${string(`${plan.name}-${domain.name}`)}`,
    'type = "pvh"',
    `kernel = ${string(`${domain.name}.elf`)}`,
    `memory = ${mebibytes}`,
    `maxmem = ${mebibytes}`,
    `vcpus = ${domain.primary ? plan.machine.harts : 1}`,
    'on_poweroff = "destroy"',
    'on_reboot = "restart"',
    `on_crash = ${string(failed)}`,
    `on_watchdog = ${string(failed)}`,
    ...list("iomem", rings.map(({ ring }) => ({ notes: [ringNote(ring)], value: pages(ring) }))),
    ...list(
      "disk",
      disks.map((device, index) => ({
        notes: [...deviceNotes(plan, device), ...diskNotes(device), ...diskLosses(device)],
        value: disk(device, index),
      })),
    ),
    ...list(
      "vif",
      networks.map((device) => ({ notes: deviceNotes(plan, device), value: vif(plan, device) })),
    ),
  ];
}

function header(plan: Plan, { domain, rings, devices }: DomainParts): string[] {
  const others = devices.filter(({ model }) => model !== "virtio-blk" && model !== "virtio-net");
  return [
    `Domain ${domain.name} of system ${plan.name} for Xen.`,
    ...domainNotes(domain),
    recoveryNote(domain),
    "",
    "What xl has no words for:",
    "- addresses of a domain's memory; its size is in MiB, rounded up.",
    "- registers and interrupts of the devices: disks and networks are Xen's own, and their backend reaches what",
    "  the domain grants. A device of the host goes to the domain by what is told beside each; then Xen's IOMMU",
    "  is the second stage.",
    ...others.map((device) => `- ${deviceNote(plan, device)} Xen has none; ${otherwise(device)}`),
    ...rings.length > 0
      ? [
        "- the reservation of the memory of rings, and whether it is cached: the host's device tree says so. Without",
        "  it, leave iomem out and have the client grant the server as many pages when it starts.",
        "- doorbells: an event channel a ring, which its ends agree on.",
      ]
      : [],
    ...domain.recovery.policy === "restart"
      ? [
        "- the limit on restarts, and the time between them.",
        `- heartbeat: the kernel sets Xen's watchdog to ${domain.recovery.heartbeatMs} ms, in whole seconds.`,
      ]
      : [],
    "",
    ...domain.primary ? softwareNotes(plan) : ["The rest is in the primary's file."],
  ];
}

const otherwise = ({ model }: DevicePlan) =>
  model === "virtio-console"
    ? "the programs' ports are its one console (xl console)."
    : "the processor's own source of randomness, or a device of the host.";

function deviceNotes(plan: Plan, device: DevicePlan): string[] {
  return [
    deviceNote(plan, device),
    ...device.network ? networkNotes(device.name, device.network) : [],
    ...device.network ? networkLosses(plan, device) : [],
    `A device of the host instead: passthrough = "enabled", dtdev = [ ${
      string(`/soc/virtio@${device.registers.toString(16)}`)
    } ], irqs = [ ${device.interrupt} ],`,
    `iomem with ${string(frames(device.registers, PAGE))}, at its own node, interrupt and page.`,
  ];
}

/** Reserved memory of a ring, at the same place in the domain as in the host. */
const pages = ({ address, sizeBytes }: RingPlan) =>
  `${frames(address, sizeBytes)}@${(address / PAGE).toString(16)}`;

const frames = (address: number, sizeBytes: number) =>
  `${(address / PAGE).toString(16)},${Math.ceil(sizeBytes / PAGE).toString(16)}`;

function disk({ name, image, readOnly }: DevicePlan, index: number): string {
  const access = readOnly ? "ro" : "rw";
  const vdev = `xvd${index < 26 ? "" : letter(Math.floor(index / 26) - 1)}${letter(index % 26)}`;
  // The target goes to the end of the list, commas included.
  return `format=raw, vdev=${vdev}, access=${access}, target=${image ?? `${name}.img`}`;
}

const letter = (index: number) => String.fromCharCode(97 + index);

function diskLosses(device: DevicePlan): string[] {
  return staysAsItIs(device)
    ? [`Disk ${device.name}: Xen writes to the image; give each start a copy.`]
    : [];
}

/** Translated networks get a bridge of their own, that nobody has made yet: so the machine reaches nothing before. */
function vif(plan: Plan, { id, network }: DevicePlan): string {
  const { mac, backend } = network!;
  if (backend.kind === "tap") return `mac=${mac}, vifname=${backend.name}`;
  return `mac=${mac}, bridge=${
    backend.kind === "loop" ? bridgeOf(plan, backend) : `translated${id}`
  }`;
}

function networkLosses(plan: Plan, { id, name, network }: DevicePlan): string[] {
  const { backend, capture } = network!;
  const recorded = capture === undefined ? [] : [`Network ${name}: xl writes no frames to a file.`];
  if (backend.kind === "tap") return recorded;
  return backend.kind === "loop"
    ? [
      `Network ${name}: make bridge ${
        bridgeOf(plan, backend)
      } first; it loses, repeats, reorders and delays nothing.`,
      ...recorded,
    ]
    : [
      `Network ${name}: xl translates no addresses: make bridge translated${id} with the rules above.`,
      ...recorded,
    ];
}

/** A list, with what is to be said of each of its values before it. */
function list(name: string, values: { notes: string[]; value: string }[]): string[] {
  if (values.length === 0) return [];
  return [
    ...values.flatMap(({ notes }) => notes.map((line) => `# ${line}`)),
    `${name} = [`,
    ...values.map(({ value }) => `  ${string(value)},`),
    "]",
  ];
}

/** A string of xl: in the one quote or the other, with what is special escaped. */
function string(text: string): string {
  const escaped = text.replace(/[\\"]/g, (character) => `\\${character}`).replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f]/g,
    (character) => `\\x${hex(character.charCodeAt(0)).slice(2).padStart(2, "0")}`,
  );
  return `"${escaped}"`;
}
