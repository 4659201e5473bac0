// Two stacks, or one, joined by a simulated link on a virtual clock: loss, delay, reordering, duplication,
// queues and devices that cut packets, all from a seed. A run with the same seed is the same run.
import { Tasks } from "../../../coroutine.ts";
import type { Environment } from "../../../environment.ts";
import type { Endpoint, InternetAddress, StreamEndpoint, Transport } from "../../endpoint.ts";
import { AF, SOCK } from "../../constants.ts";
import { parseAddress } from "../ip/address_text.ts";
import { readSettings, type TcpFeatures } from "../settings.ts";
import { Stack } from "../stack.ts";
import { type LinkFaults, type SimulatedDevice, SimulatedLink } from "./simulated_link.ts";

/** Numbers that look random, from a seed (a multiplicative generator with its bits mixed). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = state + 0x9e37_79b9 | 0;
    let mixed = Math.imul(state ^ state >>> 16, 0x21f0_aaad);
    mixed = Math.imul(mixed ^ mixed >>> 15, 0x735a_2d97);
    return ((mixed ^ mixed >>> 15) >>> 0) / 2 ** 32;
  };
}

export interface WorldSettings extends LinkFaults {
  seed?: number;
  mtu?: number;
  /** of the second host, where it differs */
  farMtu?: number;
  /** the devices fill in checksums and cut packets */
  offload?: boolean;
  features?: Partial<TcpFeatures>;
  farFeatures?: Partial<TcpFeatures>;
  /** memory that outlives the near host's stack */
  keep?: Uint8Array;
}

export const NEAR = "10.0.0.1", FAR = "10.0.0.2";
export const NEAR_6 = "fd00::1", FAR_6 = "fd00::2";

/** The end of a stack: nothing that it was about to do is done. */
export class Death extends Error {}

/** Host `near` and host `far`, and the link between them. */
export class World {
  nowNs = 1e9;
  readonly random: () => number;
  readonly link: SimulatedLink;
  near: Host;
  readonly far: Host;
  /** readings of the clock after which the near host's stack dies: in the midst of anything */
  readingsLeft = Infinity;
  /** those of each host: who does not run any more does nothing */
  readonly #tasks = new Map<SimulatedDevice, Tasks>();

  constructor(private readonly settings: WorldSettings = {}) {
    this.random = seededRandom(settings.seed ?? 1);
    this.link = new SimulatedLink(settings, this.random, () => this.nowNs);
    const { offload = false, mtu = 1500, farMtu = mtu } = settings;
    const nearDevice = this.link.attach(mtu, offload);
    const farDevice = this.link.attach(farMtu, offload);
    this.near = new Host(this, nearDevice, NEAR, NEAR_6, settings.features, settings.keep);
    this.far = new Host(this, farDevice, FAR, FAR_6, settings.farFeatures);
  }

  /** Another stack takes the place of the near host's, with what was kept. */
  revive(): void {
    this.readingsLeft = Infinity;
    const { features, keep } = this.settings;
    this.near = new Host(this, this.link.devices[0], NEAR, NEAR_6, features, keep);
  }

  /** What a stack has around it, in place of the last one with the same device. */
  environment(device = this.link.devices[0]): Environment {
    const tasks = new Tasks(() => this.nowNs);
    this.#tasks.set(device, tasks);
    const mortal = device === this.link.devices[0];
    return {
      nowNs: () => {
        if (mortal && --this.readingsLeft < 0) throw new Death();
        return this.nowNs;
      },
      realtimeNs: () => BigInt(Math.floor(this.nowNs)),
      random: (into) => {
        for (let index = 0; index < into.length; index++) into[index] = this.random() * 256;
      },
      tasks,
      memory: undefined as never,
      log: () => {},
    };
  }

  /** Lets the world go on until `done`, or nothing more happens. @returns whether it was done */
  run(done: () => boolean, limitNs = 600e9): boolean {
    const end = this.nowNs + limitNs;
    for (;;) {
      for (const tasks of this.#tasks.values()) tasks.run();
      if (done()) return true;
      const all = [...this.#tasks.values()];
      if (all.some(({ idle }) => !idle)) continue;
      const next = Math.min(this.link.nextNs, ...all.map(({ nextDeadlineNs }) => nextDeadlineNs));
      if (next > end) {
        this.nowNs = Math.max(this.nowNs, end);
        return false;
      }
      this.nowNs = Math.max(this.nowNs, next);
      this.link.deliver();
    }
  }

  /** Lets an amount of time pass. */
  pass(durationNs: number): void {
    this.run(() => false, durationNs);
  }
}

/** A stack with its addresses. */
export class Host {
  readonly stack: Stack;
  readonly transport: Transport;

  constructor(
    world: World,
    device: ReturnType<SimulatedLink["attach"]>,
    readonly ip: string,
    readonly ip6: string,
    features: Partial<TcpFeatures> = {},
    keep?: Uint8Array,
  ) {
    const settings = readSettings({
      addresses: [`${ip}/24`, `${ip6}/64`],
      gateway: "10.0.0.254",
      tcp: features,
    });
    this.stack = new Stack(world.environment(device), settings, keep);
    this.stack.begin(device);
    this.transport = this.stack.transport();
  }

  tcp(six = false): StreamEndpoint {
    const family = six ? AF.INET6 : AF.INET;
    return this.transport.open(family, SOCK.STREAM, 0) as StreamEndpoint;
  }

  udp(six = false): Endpoint {
    return this.transport.open(six ? AF.INET6 : AF.INET, SOCK.DGRAM, 0);
  }

  /** A listening socket. */
  listen(port: number, six = false, backlog = 128): StreamEndpoint {
    const listener = this.tcp(six);
    listener.bind(at(six ? "::" : "0.0.0.0", port));
    listener.listen(backlog);
    return listener;
  }
}

/** A socket address. */
export function at(ip: string, port: number): InternetAddress {
  return { ip: parseAddress(ip), port, scope: 0 };
}
