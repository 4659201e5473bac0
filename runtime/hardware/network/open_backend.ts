// A network device's backend, as its plan says. To be opened while the host may still be asked for things:
// afterwards a backend needs no more than what it holds, and the connections that its plan allows.
import type { NetworkPlan } from "../../../schemas/machine_plan.ts";
import type { Poller } from "../poller.ts";
import { eventLoopTime, type Timers } from "../timers.ts";
import type { NetworkBackend } from "./backend.ts";
import { Capture } from "./capture.ts";
import { LoopSegments } from "./loop_segment.ts";
import { openTap } from "./tap.ts";
import { type HostSockets, hostSockets } from "./user/host_sockets.ts";
import { NamedSockets } from "./user/named_sockets.ts";
import { PolledSockets } from "./user/polled_sockets.ts";
import { UserNetwork } from "./user/user_network.ts";

/** What tells of the host without an event loop, where there is such a thing. */
export interface Polled {
  poller: Poller;
  timers: Timers;
}

export class Backends {
  readonly #opened: NetworkBackend[] = [];
  readonly #segments: LoopSegments;
  readonly #sockets: HostSockets;
  readonly #polledSockets: PolledSockets | undefined;
  readonly #named = new NamedSockets();

  /**
   * @param wake called when a backend may have a frame
   * @param polled undefined where everything speaks by the event loop
   */
  constructor(private readonly wake: () => void, private readonly polled: Polled | undefined) {
    this.#polledSockets = polled && new PolledSockets(polled.poller, polled.timers, this.#named);
    this.#sockets = this.#polledSockets ?? hostSockets;
    const time = polled?.timers ?? eventLoopTime;
    this.#segments = new LoopSegments({
      nowMs: () => time.nowMs(),
      after: (delayMs, call) => time.after(delayMs, call),
      wake,
    });
  }

  /** Whether there is something that only the event loop tells of. */
  get needEventLoop(): boolean {
    return this.#named.count > 0 || this.polled === undefined && this.#opened.length > 0;
  }

  /**
   * @param outlives whether the machine's connections go on when the driver is another one
   * @throws Error naming what of the host is not to be had
   */
  async open(plan: NetworkPlan, outlives = false): Promise<NetworkBackend> {
    const backend = await this.#open(plan, outlives);
    const captured = plan.capture === undefined
      ? backend
      : Capture.toFile(backend, plan.capture, () => BigInt(Math.round(EPOCH_NS())));
    this.#opened.push(captured);
    return captured;
  }

  async #open({ backend, mac }: NetworkPlan, outlives: boolean): Promise<NetworkBackend> {
    switch (backend.kind) {
      case "tap":
        return openTap(backend.name, this.wake, this.polled?.poller);
      case "loop":
        return this.#segments.attach(backend);
      case "user": {
        const random = (into: Uint8Array) =>
          void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>);
        const network = new UserNetwork(
          backend,
          parseMac(mac),
          this.#sockets,
          random,
          this.wake,
          outlives,
        );
        await network.listen();
        return network;
      }
    }
  }

  /** Nothing of the host will be opened any more: connections that come are taken all the same. */
  seal(): void {
    this.#polledSockets?.seal();
  }

  close(): void {
    for (const backend of this.#opened) backend.close();
    this.#polledSockets?.close();
  }
}

const EPOCH_NS = () => (performance.timeOrigin + performance.now()) * 1e6;

/** "52:54:00:12:34:56" as bytes. */
export function parseMac(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (part) => parseInt(part, 16));
}
