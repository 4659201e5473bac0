// Plan -> one domain of libvirt a domain of the plan, for its QEMU driver. Rings are shared memory that exactly the two
// domains name.
import type { DevicePlan, UserNetworkPlan } from "../../schemas/machine_plan.ts";
import type { Plan } from "../../schemas/plan.ts";
import type { Exporter } from "./exported.ts";
import {
  deviceNote,
  diskNotes,
  domainNotes,
  hostReachedNote,
  networkNotes,
  recoveryNote,
  ringNote,
  softwareNotes,
} from "./notes.ts";
import { type DomainParts, machineBytes, partsOf, ringDeviceBytes, staysAsItIs } from "./parts.ts";
import { bridgeOf, isClosed, type Subnet, subnetOf } from "./networks.ts";
import { comment, type Content, document, element } from "./xml.ts";

/** Where libvirt is to find kernels, and images that the plan does not name. */
const FOLDER = "/var/lib/libvirt/images";

/** A document a domain, `DOMAIN.xml`, for `virsh define`. */
export const toLibvirt: Exporter = (plan) =>
  partsOf(plan).map((parts) => ({
    name: `${parts.domain.name}.xml`,
    text: document(domainElement(plan, parts)),
  }));

function domainElement(plan: Plan, parts: DomainParts) {
  const { domain, devices, rings } = parts;
  const restarts = domain.recovery.policy === "restart";
  return element(
    "domain",
    { type: "qemu" },
    comment(...notes(plan, parts)),
    element("name", {}, `${plan.name}-${domain.name}`),
    element("memory", { unit: "KiB" }, String(machineBytes(parts) / 1024)),
    element("vcpu", {}, String(domain.primary ? plan.machine.harts : 1)),
    element(
      "os",
      {},
      element("type", { arch: "riscv64", machine: "virt" }, "hvm"),
      element("kernel", {}, `${FOLDER}/${plan.name}/${domain.name}.elf`),
    ),
    element("on_poweroff", {}, "destroy"),
    element("on_reboot", {}, "restart"),
    element("on_crash", {}, restarts ? "restart" : "destroy"),
    element(
      "devices",
      {},
      ...devices.flatMap((device) => deviceElements(plan, device)),
      ...rings.flatMap(({ ring }) => [
        comment(ringNote(ring)),
        element(
          "shmem",
          { name: `${plan.name}-${ring.name}` },
          element("model", { type: "ivshmem-plain" }),
          element("size", { unit: "KiB" }, String(ringDeviceBytes(ring) / 1024)),
        ),
      ]),
      element("watchdog", { model: "i6300esb", action: restarts ? "reset" : "poweroff" }),
      comment("A kernel tells of its crash by this, from libvirt 9.1."),
      element("panic", { model: "pvpanic" }),
    ),
  );
}

function notes(plan: Plan, { domain, rings }: DomainParts): string[] {
  return [
    `Domain ${domain.name} of system ${plan.name} for libvirt, as a virtual machine of QEMU.`,
    ...domainNotes(domain),
    recoveryNote(domain),
    "",
    "What libvirt has no words for:",
    "- addresses: the memory of a virtual machine begins at 0x80000000, and firmware gives devices their",
    "  registers and interrupts. A ring's size is rounded up to a power of two; a machine has 16 MiB at least.",
    "- the IOMMU's second stage: a device reaches the memory of its machine and no other, rings included.",
    "  Its first stage is the driver's, and libvirt knows no RISC-V IOMMU.",
    ...rings.length > 0
      ? [
        "- doorbells: both ends look. For doorbells, an ivshmem-server a ring and ivshmem-doorbell.",
      ]
      : [],
    ...domain.recovery.policy === "restart"
      ? [
        "- the limit on restarts, and the time between them: libvirt restarts always, and at once.",
        `- heartbeat: the kernel arms the watchdog with ${domain.recovery.heartbeatMs} ms.`,
      ]
      : [],
    "",
    ...domain.primary ? softwareNotes(plan) : ["The rest is in the primary's file."],
  ];
}

function deviceElements(plan: Plan, device: DevicePlan): Content[] {
  const note = comment(
    deviceNote(plan, device),
    ...diskNotes(device),
    ...device.network ? networkNotes(device.name, device.network) : [],
    ...device.network ? networkLosses(plan, device) : [],
  );
  switch (device.model) {
    case "virtio-blk":
      return [note, diskElement(plan, device)];
    case "virtio-net":
      return [note, ...interfaceElements(plan, device)];
    case "virtio-rng":
      return [
        note,
        element(
          "rng",
          { model: "virtio" },
          element("backend", { model: "random" }, "/dev/urandom"),
          element("driver", { iommu: "on" }),
        ),
      ];
    case "virtio-console":
      return [note, ...consoleElements(plan)];
  }
}

function diskElement(plan: Plan, device: DevicePlan) {
  const disks = plan.machine.devices.filter((one) =>
    one.domain === device.domain && one.model === "virtio-blk"
  );
  return element(
    "disk",
    { type: "file", device: "disk" },
    element("driver", { name: "qemu", type: "raw", iommu: "on" }),
    element("source", { file: device.image ?? `${FOLDER}/${plan.name}/${device.name}.img` }),
    element("target", { dev: diskName(disks.indexOf(device)), bus: "virtio" }),
    ...device.readOnly ? [element("readonly")] : [],
    ...staysAsItIs(device) ? [element("transient")] : [],
  );
}

/** vda to vdz, vdaa and so on. */
function diskName(index: number): string {
  const letter = (at: number) => String.fromCharCode(97 + at);
  return `vd${index < 26 ? "" : letter(Math.floor(index / 26) - 1)}${letter(index % 26)}`;
}

/** A port a program: what reads is the first console. */
function consoleElements(plan: Plan): Content[] {
  const ports = plan.programs.flatMap(({ name, console, errors }) => [
    { port: console, alias: `out-${name}` },
    { port: errors, alias: `err-${name}` },
  ]);
  const consoles = ports.length === 0 ? [{ port: 0, alias: "console" }] : ports;
  return consoles.map(({ port, alias }) =>
    element(
      "console",
      { type: "pty" },
      element("target", { type: "virtio", port }),
      element("alias", { name: `ua-${alias}` }),
    )
  );
}

function interfaceElements(plan: Plan, device: DevicePlan): Content[] {
  const { mac, backend } = device.network!;
  const common = [
    element("mac", { address: mac }),
    element("model", { type: "virtio" }),
    element("driver", { iommu: "on" }),
  ];
  if (backend.kind === "tap") {
    const target = element("target", { dev: backend.name, managed: "no" });
    return [element("interface", { type: "ethernet" }, ...common, target)];
  }
  if (backend.kind === "loop") {
    const source = element("source", { bridge: bridgeOf(plan, backend) });
    return [element("interface", { type: "bridge" }, source, ...common)];
  }
  const subnets = ([4, 6] as const).map((version) => subnetOf(plan, device, backend, version));
  return [
    element(
      "interface",
      { type: "user" },
      element("backend", { type: "passt" }),
      ...common,
      ...isClosed(backend) ? [element("link", { state: "down" })] : [],
      ...subnets.flatMap((subnet, index) => subnet ? [ipElement(subnet, index)] : []),
      ...forwardElements(backend),
    ),
  ];
}

const ipElement = ({ guest, prefix }: Subnet, index: number) =>
  element("ip", { family: index === 0 ? "ipv4" : "ipv6", address: guest, prefix });

const forwardElements = ({ forward }: UserNetworkPlan) =>
  forward.map(({ protocol, host, port, to }) =>
    element(
      "portForward",
      { proto: protocol, address: host },
      element("range", { start: port, to }),
    )
  );

function networkLosses(plan: Plan, { name, network }: DevicePlan): string[] {
  const { backend, capture } = network!;
  const recorded = capture === undefined
    ? []
    : [`Network ${name}: libvirt writes no frames to a file.`];
  if (backend.kind === "tap") return recorded;
  if (backend.kind === "loop") {
    return [
      `Network ${name}: make bridge ${
        bridgeOf(plan, backend)
      } first; it loses, repeats, reorders and delays nothing.`,
      ...recorded,
    ];
  }
  return [
    ...isClosed(backend)
      ? [
        `Network ${name}: passt lets the machine reach what the host does, which is more than the plan:`,
        "its link is down until you have something in place that keeps it (virsh domif-setlink).",
      ]
      : [hostReachedNote(name)],
    ...Object.keys(backend.dns).length > 0
      ? [`Network ${name}: libvirt serves no such names.`]
      : [],
    ...recorded,
  ];
}
