// Plan -> one virtual machine of QEMU a domain, each as a shell script that holds its command line and the loop that
// restarts it. Rings are files of /dev/shm that exactly the two machines map, as devices of the kind ivshmem-plain.
import type { DevicePlan } from "../../schemas/machine_plan.ts";
import type { Plan } from "../../schemas/plan.ts";
import type { Exporter } from "./exported.ts";
import {
  deviceNote,
  diskNotes,
  domainNotes,
  hostReachedNote,
  networkNotes,
  place,
  recoveryNote,
  ringNote,
  softwareNotes,
} from "./notes.ts";
import { type DomainParts, machineBytes, partsOf, ringDeviceBytes, staysAsItIs } from "./parts.ts";
import { isClosed, segmentOf, subnetOf } from "./networks.ts";

const PROGRAM = "qemu-system-riscv64";
/** What virtio-serial has, port 0 included. */
const MOST_PORTS = 31;
const FIRST_SEGMENT_PORT = 4100;

/** A script a domain, `DOMAIN.sh`. */
export const toQemu: Exporter = (plan) =>
  partsOf(plan).map((parts) => ({
    name: `${parts.domain.name}.sh`,
    text: `${script(plan, parts).join("\n")}\n`,
  }));

function script(plan: Plan, parts: DomainParts): string[] {
  const { domain, devices, rings } = parts;
  const { policy, maxRestarts, backoffMs, heartbeatMs } = domain.recovery;
  const notes = [
    `Domain ${domain.name} of system ${plan.name} as a virtual machine of QEMU (virt, 64-bit RISC-V).`,
    `Its kernel is ${domain.name}.elf, or what KERNEL names; arguments go to QEMU as well.`,
    "",
    ...domainNotes(domain),
    recoveryNote(domain),
    ...rings.map(({ ring }) => ringNote(ring)),
    ...devices.flatMap((device) => [
      deviceNote(plan, device),
      ...diskNotes(device),
      ...device.network ? networkNotes(device.name, device.network) : [],
      ...device.network ? networkLosses(device) : [],
      ...device.model === "virtio-console" ? consoleNotes(plan) : [],
    ]),
    "",
    "What QEMU has no words for:",
    "- addresses: the memory of a virtual machine begins at 0x80000000, and firmware gives devices their",
    "  registers and interrupts. A ring's size is rounded up to a power of two; a machine has 16 MiB at least.",
    "- the IOMMU's second stage: a device reaches the memory of its machine and no other, rings included.",
    "  Its first stage is the driver's: a RISC-V IOMMU, from QEMU 9.2; `IOMMU= sh FILE` goes without.",
    ...rings.length > 0
      ? [
        "- doorbells: both ends look. For doorbells, an ivshmem-server a ring and ivshmem-doorbell.",
      ]
      : [],
    ...policy === "restart"
      ? [
        `- heartbeat: the kernel arms the watchdog with ${heartbeatMs} ms; that reset counts as no restart here.`,
      ]
      : [],
    "",
    ...domain.primary ? softwareNotes(plan) : ["The rest is in the primary's file."],
  ];
  const command = commandLine(plan, parts).map((option) => `  ${option} \\`);
  return [
    "#!/bin/sh",
    ...notes.map((line) => `# ${line}`.trimEnd()),
    "set -u",
    ...policy === "restart"
      ? [
        "failures=0",
        `until ${PROGRAM} \\`,
        ...command,
        '  "$@"',
        "do",
        "  failures=$((failures + 1))",
        `  if [ "$failures" -gt ${maxRestarts} ]; then`,
        `    echo "${domain.name} failed $failures times" >&2`,
        "    exit 1",
        "  fi",
        `  sleep ${backoffMs / 1000}`,
        "done",
      ]
      : [`exec ${PROGRAM} \\`, ...command, '  "$@"'],
  ];
}

/** Options, each with its value, as a shell reads them. What QEMU is to tell apart has names of several parts. */
function commandLine(plan: Plan, parts: DomainParts): string[] {
  const { domain, devices, rings } = parts;
  return [
    `-name ${quote(`${plan.name}-${domain.name}`)}`,
    "-no-user-config -nodefaults -display none",
    `-machine virt -smp ${domain.primary ? plan.machine.harts : 1} -m ${
      machineBytes(parts) / 1024
    }k`,
    `-kernel "\${KERNEL:-${domain.name}.elf}"`,
    "${IOMMU--device riscv-iommu-pci}",
    "-device pvpanic-pci -action panic=exit-failure",
    `-device i6300esb -action watchdog=${
      domain.recovery.policy === "restart" ? "reset" : "poweroff"
    }`,
    ...rings.flatMap(({ ring }) => [
      object("memory-backend-file", {
        id: `ring.${ring.name}`,
        share: "on",
        "mem-path": `/dev/shm/${plan.name}-${ring.name}`,
        size: String(ringDeviceBytes(ring)),
      }),
      option("-device", "ivshmem-plain", { id: `ring.${ring.name}`, memdev: `ring.${ring.name}` }),
    ]),
    ...devices.flatMap((device) => deviceOptions(plan, device)),
  ];
}

function deviceOptions(plan: Plan, device: DevicePlan): string[] {
  const virtio = (kind: string, rest: Record<string, string>) =>
    option("-device", kind, {
      id: device.name,
      ...rest,
      "disable-legacy": "on",
      iommu_platform: "on",
    });
  const backend = `backend.${device.name}`;
  switch (device.model) {
    case "virtio-blk":
      return [
        option("-drive", undefined, {
          if: "none",
          id: backend,
          format: "raw",
          readonly: device.readOnly ? "on" : "off",
          snapshot: staysAsItIs(device) ? "on" : "off",
          file: device.image ?? `${device.name}.img`,
        }),
        virtio("virtio-blk-pci", { drive: backend }),
      ];
    case "virtio-rng":
      return [
        object("rng-random", { id: backend, filename: "/dev/urandom" }),
        virtio("virtio-rng-pci", { rng: backend }),
      ];
    case "virtio-net":
      return [
        ...netdev(plan, device, backend),
        virtio("virtio-net-pci", { netdev: backend, mac: device.network!.mac, romfile: "" }),
      ];
    case "virtio-console":
      return [
        virtio("virtio-serial-pci", { max_ports: String(MOST_PORTS) }),
        ...consolePorts(plan).flatMap(({ port, name, chardev }) => [
          option("-chardev", chardev, {
            id: `port.${device.name}.${port}`,
            ...chardev === "stdio" ? { signal: "off" } : { path: name },
          }),
          option("-device", "virtconsole", {
            bus: `${device.name}.0`,
            nr: String(port),
            chardev: `port.${device.name}.${port}`,
          }),
        ]),
      ];
  }
}

/** The ports of the programs: what reads has the terminal, or else the first one. */
function consolePorts(plan: Plan): { port: number; name: string; chardev: "stdio" | "file" }[] {
  const ports = plan.programs.flatMap(({ name, console, errors }) => [
    { port: console, name: `${name}.out` },
    { port: errors, name: `${name}.err` },
  ]).filter(({ port }) => port < MOST_PORTS);
  const reader = plan.programs.find(({ stdin }) => stdin === "console")?.console ?? ports[0]?.port;
  return ports.length === 0
    ? [{ port: 0, name: "console.out", chardev: "stdio" }]
    : ports.map((one) => ({ ...one, chardev: one.port === reader ? "stdio" : "file" }));
}

function consoleNotes(plan: Plan): string[] {
  return plan.programs.flatMap(({ name, console, errors }) =>
    [console, errors].filter((port) => port >= MOST_PORTS).map((port) =>
      `Port ${port} of program ${name} is left out: virtio-serial has ${MOST_PORTS} here.`
    )
  );
}

function netdev(plan: Plan, device: DevicePlan, id: string): string[] {
  const { name, network } = device;
  const { backend, capture } = network!;
  const recorded = capture === undefined
    ? []
    : [object("filter-dump", { id: `capture.${name}`, netdev: id, file: capture })];
  if (backend.kind === "tap") {
    const tap = { id, ifname: backend.name, script: "no", downscript: "no" };
    return [option("-netdev", "tap", tap), ...recorded];
  }
  if (backend.kind === "loop") {
    const port = FIRST_SEGMENT_PORT + segmentOf(plan, backend);
    const mcast = { id, mcast: `230.0.0.1:${port}`, localaddr: "127.0.0.1" };
    return [option("-netdev", "socket", mcast), ...recorded];
  }
  const four = subnetOf(plan, device, backend, 4);
  const six = subnetOf(plan, device, backend, 6);
  const forwards = backend.forward.filter(({ host }) => !host.includes(":")).map((one) =>
    `,hostfwd=${one.protocol}:${one.host}:${one.port}-${four?.guest ?? ""}:${one.to}`
  );
  const user = option("-netdev", "user", {
    id,
    restrict: isClosed(backend) ? "on" : "off",
    ipv4: four ? "on" : "off",
    ...four && {
      net: `${four.network}/${four.prefix}`,
      host: four.gateway,
      dns: four.nameServer,
      dhcpstart: four.guest,
    },
    ipv6: six ? "on" : "off",
    ...six && {
      "ipv6-net": `${six.network}/${six.prefix}`,
      "ipv6-host": six.gateway,
      "ipv6-dns": six.nameServer,
    },
  });
  return [`${user}${forwards.join("")}`, ...recorded];
}

function networkLosses({ name, network }: DevicePlan): string[] {
  const { backend } = network!;
  if (backend.kind === "tap") return [];
  if (backend.kind === "loop") {
    return [`Network ${name}: QEMU loses, repeats, reorders and delays nothing.`];
  }
  return [
    ...isClosed(backend) ? [] : [hostReachedNote(name)],
    ...backend.allow.length > 0 && isClosed(backend)
      ? [`Network ${name}: QEMU knows no list of hosts, so the machine reaches none.`]
      : [],
    ...Object.keys(backend.dns).length > 0 ? [`Network ${name}: QEMU serves no such names.`] : [],
    ...backend.forward.filter(({ host }) => host.includes(":")).map(({ host, port }) =>
      `Network ${name}: QEMU forwards no port of IPv6: ${place(host)}:${port} is left out.`
    ),
  ];
}

const object = (kind: string, values: Record<string, string>) => option("-object", kind, values);

/** An option with a list of keys and values; a comma in a value is doubled. */
function option(flag: string, kind: string | undefined, values: Record<string, string>): string {
  const pairs = Object.entries(values).map(([key, value]) =>
    `${key}=${value.replaceAll(",", ",,")}`
  );
  return `${flag} ${quote([...kind === undefined ? [] : [kind], ...pairs].join(","))}`;
}

/** A word of the shell. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
