// Network devices: what they are connected to, and addresses and ports that are some.
import { inNetwork, parseHostPort, parseIp, parseNetwork } from "../../schemas/internet_address.ts";
import { addressesOf } from "../plan/network.ts";
import type { Context, Rule } from "./context.ts";

const FIELDS = ["backend", "addresses", "gateways", "capture"] as const;
const BACKENDS = ["user", "tap", "loop"] as const;

/** A port of the host that leads to a machine, and where the manifest says so. */
interface Forwarded {
  host: string;
  port: number;
  protocol: string;
  from: string;
  place: (string | number)[];
}

export const checkNetwork: Rule = (context) => {
  const { system, report, key } = context;
  const forwarded: Forwarded[] = [];
  for (const [name, device] of Object.entries(system.machine.devices)) {
    const place = ["machine", "devices", name];
    if (device.model !== "virtio-net") {
      const field = FIELDS.find((each) => device[each] !== undefined);
      if (field === undefined) continue;
      report({
        code: "E0901",
        message: `a ${device.model} has no ${field}`,
        span: key(...place, field),
        hint: "model: virtio-net has one",
      });
      continue;
    }
    const { backend } = device;
    const said = BACKENDS.filter((each) => backend?.[each] !== undefined);
    if (backend !== undefined && said.length !== 1) {
      report({
        code: "E0902",
        message: said.length === 0
          ? `nothing says what "${name}" is connected to`
          : `"${name}" is connected to ${said.join(" and ")}`,
        span: key(...place, "backend"),
        hint: `one of ${BACKENDS.join(", ")}`,
      });
    }
    const sound = checkAddresses(context, name);
    checkUser(context, name, forwarded);
    if (sound && backend?.user !== undefined && addressesOf(device).gateways.length === 0) {
      report({
        code: "E0905",
        message: `"${name}" has addresses of its own, and no gateway to translate them`,
        span: key(...place, "addresses"),
        hint: "gateways: [10.1.0.1]",
      });
    }
  }
};

/** @returns whether all addresses of an interface are some */
function checkAddresses({ system, report, at }: Context, name: string): boolean {
  const device = system.machine.devices[name], place = ["machine", "devices", name];
  let sound = true;
  const wrong = (path: (string | number)[], text: string, example: string) => {
    sound = false;
    report({
      code: "E0903",
      message: `"${text}" is no address${example.includes("/") ? " with a prefix" : ""}`,
      span: at(...path),
      hint: `such as ${example}`,
    });
  };
  device.addresses?.forEach((text, index) => {
    if (parseNetwork(text) === undefined) {
      wrong([...place, "addresses", index], text, "10.1.0.15/24");
    }
  });
  device.gateways?.forEach((text, index) => {
    if (parseIp(text) === undefined) wrong([...place, "gateways", index], text, "10.1.0.1");
  });
  for (const [host, text] of Object.entries(device.backend?.user?.dns ?? {})) {
    if (parseIp(text) === undefined) {
      wrong([...place, "backend", "user", "dns", host], text, "10.1.0.1");
    }
  }
  if (!sound) return false;
  const { addresses } = addressesOf(device);
  const networks = addresses.map((text) => parseNetwork(text)!);
  device.gateways?.forEach((text, index) => {
    if (networks.some((network) => inNetwork(parseIp(text)!, network))) return;
    report({
      code: "E0905",
      message: `gateway ${text} is in no network of "${name}"`,
      span: at(...place, "gateways", index),
      hint: `its addresses are ${addresses.join(" and ")}`,
    });
  });
  return true;
}

function checkUser(
  { system, report, at }: Context,
  name: string,
  forwarded: Forwarded[],
): void {
  const device = system.machine.devices[name];
  const { forward = [], allow = [] } = device.backend?.user ?? {};
  const place = ["machine", "devices", name, "backend", "user"];
  allow.forEach((text, index) => {
    if (parseHostPort(text) !== undefined) return;
    report({
      code: "E0903",
      message: `"${text}" is no address with a port`,
      span: at(...place, "allow", index),
      hint: "such as 192.0.2.1:443, example.org:443, [2001:db8::1]:443 or *:443",
    });
  });
  forward.forEach(({ from, protocol }, index) => {
    const span = at(...place, "forward", index, "from");
    const parsed = parseHostPort(from);
    const ip = parsed && parseIp(parsed.host);
    if (parsed === undefined || ip === undefined || parsed.port === "*") {
      return report({
        code: "E0903",
        message: `"${from}" is no address with a port of the host`,
        span,
        hint: "such as 127.0.0.1:8080 or [::1]:8080",
      });
    }
    const { host, port } = parsed;
    const other = forwarded.find((each) =>
      each.port === port && each.protocol === protocol && overlap(each.host, host)
    );
    if (other !== undefined) {
      report({
        code: "E0904",
        message: other.host === host
          ? `${from} is forwarded twice`
          : `${from} is forwarded with ${other.from} already`,
        span,
        related: [{ span: at(...other.place), message: "first here" }],
        hint: "another port, or another address of the host, leads elsewhere",
      });
    }
    forwarded.push({ host, port, protocol, from, place: [...place, "forward", index, "from"] });
  });
}

/** Whether two addresses of the host can be the same: one that is all zeros is each of its family. */
function overlap(one: string, other: string): boolean {
  if (one === other) return true;
  const isIpv6 = (host: string) => host.includes(":");
  return isIpv6(one) === isIpv6(other) && [one, other].some((each) => /^[0.:]+$/.test(each));
}
