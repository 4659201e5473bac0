// What a plan says and another system's configuration has no place for, as lines for its comments: it is the business
// of the software that runs in the domains, or of whoever starts them.
import type { DevicePlan, NetworkPlan } from "../../schemas/machine_plan.ts";
import type { DomainPlan, Plan, RingPlan } from "../../schemas/plan.ts";
import { amountText } from "../../schemas/manifest_shape.ts";
import { hex } from "./parts.ts";

/** What no target has words for; always the same for one plan. */
export function softwareNotes(plan: Plan): string[] {
  const served = new Map<string, number>();
  for (const { domain, component } of plan.routes) {
    const server = `${component} in ${domain}`;
    served.set(server, (served.get(server) ?? 0) + 1);
  }
  return [
    "Left to the software of the domains (`compose compile` has all of it):",
    ...[...served].map(([server, calls]) => `- system calls: ${calls} are served by ${server}`),
    ...plan.mounts.map(({ path, type, component, domain }) =>
      `- mount: ${JSON.stringify(path)} is ${type}, of ${component} in ${domain}`
    ),
    ...plan.programs.map(({ name, path, module }) =>
      `- program: ${name} is ${JSON.stringify(path ?? module)}, run by the primary domain`
    ),
    ...(plan.faults ?? []).map(({ kind, place }) => `- fault: ${kind} in ${place}`),
  ];
}

/** What a domain consists of. */
export function domainNotes({ name, primary, components, memory }: DomainPlan): string[] {
  return [
    `Domain ${name}${primary ? ", the primary" : ""}: ${
      components.map((one) => one.name).join(" ")
    }.`,
    ...components.filter(({ settings }) => Object.keys(settings).length > 0).map((one) =>
      `Settings of ${one.name}: ${JSON.stringify(one.settings)}.`
    ),
    `Of its own heap it may fill ${amountText(memory.heapBytes, "bytes")} in this toolkit.`,
  ];
}

/** What happens when a domain fails. */
export function recoveryNote({ primary, recovery }: DomainPlan): string {
  if (recovery.policy === "fail") {
    return primary
      ? "When it fails, the machine ends."
      : "When it fails, it is not restarted, and the machine ends.";
  }
  return `When it fails, it is restarted at most ${recovery.maxRestarts} times, ` +
    `${recovery.backoffMs} ms or more after its last start; ` +
    `no progress for ${recovery.heartbeatMs} ms is a failure; ` +
    `its callers meanwhile get ${recovery.clients === "retry" ? "answers later" : "errors"}` +
    `${recovery.standby ? "; a process stands by" : ""}.`;
}

/** What a ring carries, and how its ends behave. */
export function ringNote(ring: RingPlan): string {
  const style = ring.style === "trap"
    ? "each call signals the server"
    : `its ends look for work for ${ring.spinUs} us before they sleep`;
  return `Ring ${ring.name}: ${ring.interface}, ${ring.client} calls ${ring.server}; ${ring.depth} entries, arena ` +
    `${amountText(ring.arenaBytes, "bytes")}, ${hex(ring.address)} to ` +
    `${hex(ring.address + ring.sizeBytes)}; ${style}${
      ring.clientCache ? "; the client keeps pages" : ""
    }.`;
}

/** Where the plan has a device, and which context of the IOMMU confines it. */
export function deviceNote(plan: Plan, device: DevicePlan): string {
  const context = plan.machine.iommu.contexts.find((one) => one.device === device.name)!;
  return `Device ${device.name} (${device.model}), driven by ${device.driver}: registers ${
    hex(device.registers)
  }, interrupt ${device.interrupt}; IOMMU: device ${context.deviceId}, GSCID ${context.guestContext}, PSCID ${context.processContext}, ` +
    `${context.firstStage} in ${context.secondStage}, which maps ${
      context.windows.map(({ address, sizeBytes }) =>
        `${hex(address)} to ${hex(address + sizeBytes)}`
      ).join(", ")
    }.`;
}

/** A disk's image, and what it is made of. */
export function diskNotes({ name, image, create, rootfs, readOnly }: DevicePlan): string[] {
  const { debian, folder, tar, image: base, keep } = rootfs ?? {};
  const origin = debian
    ? `packages of Debian ${debian.suite}: ${debian.packages.join(" ")}`
    : JSON.stringify(folder ?? tar ?? base);
  return [
    image && `Disk ${name}: image ${JSON.stringify(image)}.`,
    create && `Disk ${name}: make its image first, ${create.format} of ${create.sizeBytes} bytes.`,
    rootfs && `Disk ${name} is made by this toolkit of ${origin}; put an image in its place.`,
    rootfs && `Disk ${name}: changes go to ${keep ? JSON.stringify(keep) : "memory"} here.`,
    readOnly && `Disk ${name}: writes are refused.`,
  ].filter((line) => typeof line === "string");
}

/** What a network's other end allows. */
export function networkNotes(name: string, { mac, backend, capture }: NetworkPlan): string[] {
  const recorded = [
    `Network ${name}: its address is ${mac}.`,
    ...capture === undefined
      ? []
      : [`Network ${name}: all frames are written to ${JSON.stringify(capture)} here.`],
  ];
  if (backend.kind === "tap") return [`Network ${name}: interface ${backend.name}.`, ...recorded];
  if (backend.kind === "loop") {
    const { segment, loss, duplication, reordering, delayMs, seed } = backend;
    return [
      `Network ${name}: segment ${segment}, loss ${loss}, duplication ${duplication}, ` +
      `reordering ${reordering}, delay ${delayMs} ms, seed ${seed}.`,
      ...recorded,
    ];
  }
  const reach = backend.allow.map(({ host, port }) => `${place(host)}:${port ?? "*"}`).join(" ");
  const dns = Object.entries(backend.dns).map(([host, address]) => `${host} is ${address}`);
  return [
    `Network ${name}: addresses translated; reaches ${reach || "nothing"}${
      dns.length > 0 ? `; ${dns.join(", ")}` : ""
    }.`,
    ...backend.forward.map(({ protocol, host, port, to }) =>
      `Network ${name}: ${protocol} ${place(host)}:${port} of the host leads to port ${to}.`
    ),
    ...recorded,
  ];
}

/** A host before a colon and a port. */
export const place = (host: string) => host.includes(":") ? `[${host}]` : host;

/** What the backends of QEMU have no option against. */
export const hostReachedNote = (name: string) =>
  `Network ${name}: the machine reaches the host, too, by its gateway; in this toolkit \`*\` is others alone.`;
