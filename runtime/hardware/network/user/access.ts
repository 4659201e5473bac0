// What the machine may reach: destinations of its packets, translated to those of the host, against the
// list that the manifest gives. Names of the list and of `dns` get addresses of the segment that stand for them.
import { ipText, isLoopback, parseIp, sameIp } from "../../../../schemas/internet_address.ts";
import type { UserNetworkPlan } from "../../../../schemas/machine_plan.ts";

/** Names begin here in the last byte of the segment's addresses. */
const FIRST_NAME = 128;
/** Names that an address of the segment can stand for. */
export const MAX_NAMES = 120;

export interface Target {
  /** address or name, as the host's sockets take it */
  host: string;
  port: number;
}

export class Access {
  /** allowed: "host:port", or "host:*" */
  readonly #allowed: Set<string>;
  /** names that stand for hosts, by the address that the machine uses */
  readonly #hostOf = new Map<string, string>();
  readonly #addressOf = new Map<string, Uint8Array>();
  readonly #gateways: Uint8Array[];

  constructor(plan: UserNetworkPlan) {
    this.#allowed = new Set(
      plan.allow.map(({ host, port }) => `${canonical(host)} ${port ?? "*"}`),
    );
    this.#gateways = plan.gateways.map((text) => parseIp(text)!);
    const [gateway] = this.#gateways;
    for (const [name, address] of Object.entries(plan.dns)) {
      const ip = parseIp(address)!;
      this.#addressOf.set(name.toLowerCase(), isLoopback(ip) ? this.#gatewayFor(ip) : ip);
    }
    for (const { host } of plan.allow) {
      const name = host.toLowerCase();
      if (parseIp(name) !== undefined || name === "*" || this.#addressOf.has(name)) continue;
      if (name === "localhost") {
        this.#addressOf.set(name, gateway);
        continue;
      }
      if (this.#hostOf.size === MAX_NAMES) {
        throw new Error(`Cannot allow ${name}: there are addresses for ${MAX_NAMES} names`);
      }
      const ip = gateway.slice();
      ip[ip.length - 1] = FIRST_NAME + this.#hostOf.size;
      this.#hostOf.set(ipText(ip), name);
      this.#addressOf.set(name, ip);
    }
  }

  #gatewayFor(ip: Uint8Array): Uint8Array {
    return this.#gateways.find(({ length }) => length === ip.length) ?? this.#gateways[0];
  }

  /** The address that a name has for the machine. */
  resolve(name: string): Uint8Array | undefined {
    return this.#addressOf.get(name.toLowerCase());
  }

  /** Where a packet really goes; undefined where it must not go. The gateway is the host's loopback. */
  target(remote: Uint8Array, port: number): Target | undefined {
    const gateway = this.#gateways.some((ip) => sameIp(ip, remote));
    const text = ipText(remote);
    // No other address means the host itself, whatever the list says.
    if (!gateway && isLoopback(remote)) return undefined;
    const host = gateway
      ? (remote.length === 4 ? "127.0.0.1" : "::1")
      : this.#hostOf.get(text) ?? text;
    return this.#isAllowed(host, port) ? { host, port } : undefined;
  }

  #isAllowed(host: string, port: number): boolean {
    const hosts = host === "127.0.0.1" || host === "::1" ? [host, "localhost"] : [host, "*"];
    return hosts.some((each) =>
      this.#allowed.has(`${each} ${port}`) || this.#allowed.has(`${each} *`)
    );
  }
}

function canonical(host: string): string {
  const ip = parseIp(host);
  return ip === undefined ? host.toLowerCase() : ipText(ip);
}
