// Plan -> device tree source, after the Devicetree Specification 0.4; domains after the System Device Tree's execution
// domains. What no binding has words for is in properties that begin with `virtuos,`.
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
import { type DomainParts, hex, identifier, partsOf, type Range, userMemory } from "./parts.ts";

/** The plan leaves these to whoever builds the machine; they are where QEMU's `virt` has them, away from the plan's. */
const PLIC = { address: 0x0c00_0000, sizeBytes: 0x0400_0000 };
const IOMMU = { address: 0x0301_0000, sizeBytes: 0x1000 };
const TIMEBASE_HZ = 10_000_000;
const PAGE = 4096;

/** A node: its properties and children in the order in which they are written. */
interface TreeNode {
  head: string;
  comments?: string[];
  properties?: string[];
  children?: TreeNode[];
}

/** One file, `NAME.dts`, for `dtc`. */
export const toDeviceTree: Exporter = (plan) => {
  const comments = [
    `System ${plan.name} as a device tree: the hardware that the plan has, and who may touch what.`,
    "The plan has no registers of the interrupt controller and the IOMMU, nor a timebase: those here are of",
    "QEMU's virt machine. It has one hart, for programs: give service domains harts of their own, or time.",
    ...softwareNotes(plan),
  ];
  const text = [
    "/dts-v1/;",
    "",
    ...comments.map((line) => `// ${line}`),
    ...render({ head: "/", ...rootOf(plan) }, ""),
  ];
  return [{ name: `${plan.name}.dts`, text: `${text.join("\n")}\n` }];
};

function rootOf(plan: Plan): Omit<TreeNode, "head"> {
  const parts = partsOf(plan);
  return {
    properties: [
      "#address-cells = <2>;",
      "#size-cells = <2>;",
      'compatible = "virtuos,machine";',
      `model = ${JSON.stringify(plan.name)};`,
    ],
    children: [
      cpus(plan),
      ...[{ address: plan.machine.iommu.directory, sizeBytes: PAGE }, ramOf(plan)].map((range) => ({
        head: `memory@${range.address.toString(16)}`,
        properties: ['device_type = "memory";', reg(range)],
      })),
      reservedMemory(plan, parts),
      soc(plan),
      { head: "domains", children: parts.map((one) => executionDomain(one)) },
    ],
  };
}

/** What the manifest hands out: from the first ring or domain to the end of the programs' memory. */
function ramOf(plan: Plan): Range {
  const address = Math.min(
    ...plan.rings.map((ring) => ring.address),
    ...plan.domains.map(({ memory }) => memory.address),
  );
  const user = userMemory(plan);
  return { address, sizeBytes: user.address + user.sizeBytes - address };
}

function cpus({ machine }: Plan): TreeNode {
  return {
    head: "cpus: cpus",
    properties: [
      'compatible = "cpus,cluster";',
      "#address-cells = <1>;",
      "#size-cells = <0>;",
      "#cpus-mask-cells = <1>;",
      `timebase-frequency = <${TIMEBASE_HZ}>;`,
    ],
    children: Array.from({ length: machine.harts }, (_, hart) => ({
      head: `cpu@${hart.toString(16)}`,
      properties: [
        'device_type = "cpu";',
        'compatible = "riscv";',
        `reg = <${hart}>;`,
        'riscv,isa-base = "rv64i";',
        'riscv,isa-extensions = "i", "m", "a", "f", "d", "c", "zicsr", "zifencei", "zba", "zbb", "zbs";',
        'riscv,isa = "rv64imafdc_zicsr_zifencei_zba_zbb_zbs";',
        'mmu-type = "riscv,sv39";',
      ],
      children: [{
        head: `hart${hart}_interrupts: interrupt-controller`,
        properties: [
          'compatible = "riscv,cpu-intc";',
          "interrupt-controller;",
          "#interrupt-cells = <1>;",
          "#address-cells = <0>;",
        ],
      }],
    })),
  };
}

function reservedMemory(plan: Plan, parts: DomainParts[]): TreeNode {
  const { directory } = plan.machine.iommu;
  return {
    head: "reserved-memory",
    properties: ["#address-cells = <2>;", "#size-cells = <2>;", "ranges;"],
    children: [
      {
        head: `iommu_directory: iommu-directory@${directory.toString(16)}`,
        comments: ["The hypervisor's: the root page of the IOMMU's device directory table."],
        properties: [reg({ address: directory, sizeBytes: PAGE }), "no-map;"],
      },
      ...plan.rings.map(ringMemory),
      ...parts.map((one) => domainMemory(plan, one)),
    ],
  };
}

function ringMemory(ring: RingPlan): TreeNode {
  return {
    head: `ring_${identifier(ring.name)}: ring@${ring.address.toString(16)}`,
    comments: [ringNote(ring)],
    properties: [
      'compatible = "virtuos,ring";',
      reg(ring),
      "no-map;",
      `virtuos,client = <&domain_${identifier(ring.client)}>;`,
      `virtuos,server = <&domain_${identifier(ring.server)}>;`,
      `virtuos,interface = ${JSON.stringify(ring.interface)};`,
      `virtuos,depth = <${ring.depth}>;`,
      `virtuos,arena-bytes = <${ring.arenaBytes}>;`,
      ...ring.style === "trap"
        ? ['virtuos,style = "trap";']
        : [`virtuos,spin-us = <${ring.spinUs}>;`],
      ...ring.clientCache ? ["virtuos,client-cache;"] : [],
    ],
  };
}

/** A domain's memory object, and the windows onto it that the IOMMU's second stage gives its devices. */
function domainMemory(plan: Plan, { domain, devices }: DomainParts): TreeNode {
  const windows = devices.flatMap((device) =>
    plan.machine.iommu.contexts.filter((context) => context.device === device.name).flatMap(
      (context) =>
        context.windows.map((window) => `<&device_${identifier(device.name)} ${cells(window)}>`),
    )
  );
  return {
    head: `memory_${identifier(domain.name)}: domain-memory@${domain.memory.address.toString(16)}`,
    properties: [
      reg(domain.memory),
      "no-map;",
      ...windows.length > 0 ? [`iommu-addresses = ${windows.join(", ")};`] : [],
    ],
  };
}

function soc(plan: Plan): TreeNode {
  const { devices, harts } = plan.machine;
  const last = Math.max(0, ...devices.map((device) => device.interrupt)) + 1;
  const wires = Array.from(
    { length: harts },
    (_, hart) => `<&hart${hart}_interrupts 11>, <&hart${hart}_interrupts 9>`,
  );
  return {
    head: "soc",
    properties: [
      'compatible = "simple-bus";',
      "#address-cells = <2>;",
      "#size-cells = <2>;",
      "ranges;",
      "interrupt-parent = <&plic>;",
    ],
    children: [
      {
        head: `iommu: iommu@${IOMMU.address.toString(16)}`,
        properties: [
          'compatible = "virtuos,riscv-iommu", "riscv,iommu";',
          reg(IOMMU),
          `interrupts = <${last}>;`,
          "#iommu-cells = <1>;",
          "memory-region = <&iommu_directory>;",
        ],
      },
      {
        head: `plic: interrupt-controller@${PLIC.address.toString(16)}`,
        properties: [
          'compatible = "sifive,plic-1.0.0", "riscv,plic0";',
          reg(PLIC),
          "interrupt-controller;",
          "#interrupt-cells = <1>;",
          "#address-cells = <0>;",
          `riscv,ndev = <${last}>;`,
          `interrupts-extended = ${wires.join(", ")};`,
        ],
      },
      ...devices.map((device) => virtio(plan, device)),
    ],
  };
}

function virtio(plan: Plan, device: DevicePlan): TreeNode {
  const { deviceId } = plan.machine.iommu.contexts.find((one) => one.device === device.name)!;
  return {
    head: `device_${identifier(device.name)}: virtio@${device.registers.toString(16)}`,
    comments: [
      deviceNote(plan, device),
      ...diskNotes(device),
      ...device.network ? networkNotes(device.name, device.network) : [],
    ],
    properties: [
      'compatible = "virtio,mmio";',
      reg({ address: device.registers, sizeBytes: PAGE }),
      `interrupts = <${device.interrupt}>;`,
      `iommus = <&iommu ${deviceId}>;`,
      `memory-region = <&memory_${identifier(device.domain)}>;`,
      "dma-coherent;",
    ],
  };
}

function executionDomain({ domain, memory, devices, rings }: DomainParts): TreeNode {
  const { recovery } = domain;
  const strings = (texts: string[]) => texts.map((text) => JSON.stringify(text)).join(", ");
  return {
    head: `domain_${identifier(domain.name)}: domain-${domain.id}`,
    comments: [...domainNotes(domain), recoveryNote(domain)],
    properties: [
      'compatible = "openamp,domain-v1";',
      `label = ${JSON.stringify(domain.name)};`,
      `id = <${domain.id}>;`,
      "cpus = <&cpus 0x1 0x1>;",
      `memory = ${
        [...memory, ...rings.map(({ ring }) => ring)].map((one) => `<${cells(one)}>`).join(", ")
      };`,
      ...devices.length > 0
        ? [`access = ${devices.map((one) => `<&device_${identifier(one.name)}>`).join(", ")};`]
        : [],
      'os,type = "custom";',
      ...domain.components.length > 0
        ? [`virtuos,components = ${strings(domain.components.map((one) => one.name))};`]
        : [],
      `virtuos,recovery = ${JSON.stringify(recovery.policy)};`,
      ...recovery.policy === "restart"
        ? [
          `virtuos,clients = ${JSON.stringify(recovery.clients)};`,
          `virtuos,restarts = <${recovery.maxRestarts}>;`,
          `virtuos,backoff-ms = <${recovery.backoffMs}>;`,
          `virtuos,heartbeat-ms = <${recovery.heartbeatMs}>;`,
          ...recovery.standby ? ["virtuos,standby;"] : [],
        ]
        : [],
    ],
  };
}

const reg = (range: Range) => `reg = <${cells(range)}>;`;

/** Address and size, two cells each. */
function cells({ address, sizeBytes }: Range): string {
  return [address, sizeBytes].map((value) =>
    `${hex(Math.floor(value / 2 ** 32))} ${hex(value % 2 ** 32)}`
  ).join(" ");
}

function render(
  { head, comments = [], properties = [], children = [] }: TreeNode,
  indent: string,
): string[] {
  return [
    ...comments.map((line) => `${indent}// ${line}`),
    `${indent}${head} {`,
    ...properties.map((line) => `${indent}\t${line}`),
    ...children.flatMap((child, index) => [
      ...index > 0 || properties.length > 0 ? [""] : [],
      ...render(child, `${indent}\t`),
    ]),
    `${indent}};`,
  ];
}
