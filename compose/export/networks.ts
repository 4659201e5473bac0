// What is on the other end of a network device, for those who have to make it. For address translation: the network of
// a device, by version of IP; the backend has the addresses of the other end, and the TCP/IP component above the driver
// the length of the prefix.
import { ipText, parseNetwork } from "../../schemas/internet_address.ts";
import type { DevicePlan, LoopPlan, UserNetworkPlan } from "../../schemas/machine_plan.ts";
import type { Plan } from "../../schemas/plan.ts";

/** One version's addresses. */
export interface Subnet {
  guest: string;
  gateway: string;
  nameServer: string;
  /** address of the network */
  network: string;
  /** length of its prefix, in bits */
  prefix: number;
}

/** The subnet of a version of IP, or undefined where the machine has none. */
export function subnetOf(
  plan: Plan,
  device: DevicePlan,
  backend: UserNetworkPlan,
  version: 4 | 6,
): Subnet | undefined {
  const ours = (addresses: string[]) =>
    addresses.find((one) => one.includes(":") === (version === 6));
  const guest = ours(backend.guests);
  const gateway = ours(backend.gateways);
  const nameServer = ours(backend.nameServers);
  if (guest === undefined || gateway === undefined || nameServer === undefined) return undefined;
  const prefix = prefixLength(plan, device, guest) ?? (version === 4 ? 24 : 64);
  const { ip } = parseNetwork(`${guest}/${prefix}`)!;
  const network = ip.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - 8 * index));
    return byte & 0xff << 8 - bits;
  });
  return { guest, gateway, nameServer, network: ipText(network), prefix };
}

/** What the stack above a device's driver was told of an address. */
function prefixLength(plan: Plan, device: DevicePlan, address: string): number | undefined {
  const stack = plan.domains.flatMap((domain) => domain.components).find((component) =>
    component.needs.some((need) =>
      need.domain === device.domain && need.component === device.driver
    )
  );
  const { addresses } = stack?.settings ?? {};
  const told = Array.isArray(addresses)
    ? addresses.map(String).find((one) => one.startsWith(`${address}/`))
    : undefined;
  return told === undefined ? undefined : parseNetwork(told)?.prefix;
}

/** Whether a backend keeps a machine from reaching anything; whoever knows no list of hosts allows none. */
export function isClosed({ allow }: UserNetworkPlan): boolean {
  return !allow.some(({ host, port }) => host === "*" && port === undefined);
}

/** Which of the plan's segments it is that a device is on, from 0, in the order of their first devices. */
export function segmentOf(plan: Plan, { segment }: LoopPlan): number {
  const names = plan.machine.devices.flatMap(({ network }) =>
    network?.backend.kind === "loop" ? [network.backend.segment] : []
  );
  return [...new Set(names)].indexOf(segment);
}

/** A segment as a bridge of the host: names of interfaces have 15 characters at most. */
export const bridgeOf = (plan: Plan, loop: LoopPlan) => `segment${segmentOf(plan, loop)}`;
