// Network devices of the plan: addresses, backends with everything resolved, and what TCP/IP is told of the
// interface it is given.
import { ipText, parseHostPort, parseIp, parseNetwork } from "../../schemas/internet_address.ts";
import type { System } from "../../schemas/manifest.ts";
import type { LoopPlan, NetworkPlan, UserNetworkPlan } from "../../schemas/machine_plan.ts";
import type { Instance, Placement } from "./placement.ts";

type Device = System["machine"]["devices"][string];

/** What a device without other addresses has. */
const DEFAULT_ADDRESSES = ["10.0.2.15/24", "fd00::15/64"];
const DEFAULT_GATEWAYS = ["10.0.2.2", "fd00::2"];
const MILLION = 1e6;

export function addressesOf(device: Device): { addresses: string[]; gateways: string[] } {
  return {
    addresses: device.addresses ?? DEFAULT_ADDRESSES,
    // Who says its own addresses has another network, and another gateway or none.
    gateways: device.gateways ?? (device.addresses === undefined ? DEFAULT_GATEWAYS : []),
  };
}

/** @param path makes a file's path absolute */
export function planNetwork(
  device: Device,
  id: number,
  path: (file: string) => string,
): NetworkPlan {
  const { backend, capture } = device;
  return {
    // Locally administered, and one for each device.
    mac: `52:54:00:12:34:${(0x56 + id & 0xff).toString(16).padStart(2, "0")}`,
    backend: backend?.tap !== undefined
      ? { kind: "tap", name: backend.tap }
      : backend?.loop !== undefined
      ? planLoop(backend.loop)
      : planUser(device),
    ...(capture === undefined ? {} : { capture: path(capture) }),
  };
}

function planLoop(
  { segment, seed, loss, duplication, reordering, delay }: NonNullable<
    NonNullable<Device["backend"]>["loop"]
  >,
): LoopPlan {
  return {
    kind: "loop",
    segment,
    seed,
    loss: loss / MILLION,
    duplication: duplication / MILLION,
    reordering: reordering / MILLION,
    delayMs: delay,
  };
}

function planUser(device: Device): UserNetworkPlan {
  const { forward = [], allow = [], dns = {} } = device.backend?.user ?? {};
  const { addresses, gateways } = addressesOf(device);
  return {
    kind: "user",
    guests: addresses.map((text) => ipText(parseNetwork(text)!.ip)),
    gateways,
    nameServers: gateways.map(nextAddress),
    forward: forward.map(({ from, to, protocol }) => {
      const { host, port } = parseHostPort(from)!;
      return { protocol, host, port: port as number, to };
    }),
    allow: allow.map((text) => {
      const { host, port } = parseHostPort(text)!;
      return port === "*" ? { host } : { host, port };
    }),
    dns,
  };
}

/** The name server is the gateway's neighbour. */
function nextAddress(text: string): string {
  const ip = parseIp(text)!;
  ip[ip.length - 1]++;
  return ipText(ip);
}

/** What a component is told when it is made: TCP/IP, of the interface that its driver provides. */
export function planSettings(
  instance: Instance,
  system: System,
  placement: Placement,
): Record<string, unknown> {
  if (instance.component !== "tcpip") return {};
  const edge = placement.edges.find(({ from, interface: name }) =>
    from === instance && name === "frames"
  );
  const device = edge?.providers[0]?.device;
  if (device === undefined) return {};
  const { backend } = system.machine.devices[device];
  const { addresses, gateways } = addressesOf(system.machine.devices[device]);
  const translated = backend?.tap === undefined && backend?.loop === undefined;
  const four = gateways.find((text) => !text.includes(":"));
  const six = gateways.find((text) => text.includes(":"));
  return {
    addresses,
    ...(four === undefined ? {} : { gateway: four }),
    ...(six === undefined ? {} : { gateway6: six }),
    ...(translated ? { nameServers: gateways.map(nextAddress) } : {}),
  };
}
