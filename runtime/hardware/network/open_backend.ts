// A network device's backend, as its plan says. To be opened while the host may still be asked for things:
// afterwards a backend needs no more than what it holds, and the connections that its plan allows.
import type { NetworkPlan } from "../../../schemas/plan.ts";
import type { Poller } from "../poller.ts";
import type { NetworkBackend } from "./backend.ts";
import { Capture } from "./capture.ts";
import { LoopSegments } from "./loop_segment.ts";
import { openTap } from "./tap.ts";
import { type HostSockets, openHostSockets } from "./user/host_sockets.ts";
import { PolledStreams } from "./user/polled_streams.ts";
import { UserNetwork } from "./user/user_network.ts";

export class Backends {
  readonly #opened: NetworkBackend[] = [];
  readonly #segments: LoopSegments;
  readonly #sockets: HostSockets;

  /**
   * @param wake called, from within the event loop, when a backend may have a frame
   * @param poller where there is one, streams that come from the host are read and written when it says so
   */
  constructor(private readonly wake: () => void, poller: Poller | undefined) {
    this.#sockets = openHostSockets(poller && new PolledStreams(poller));
    this.#segments = new LoopSegments({
      nowMs: () => performance.now(),
      after: (delayMs, call) => void setTimeout(call, delayMs),
      wake,
    });
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
        return openTap(backend.name, this.wake);
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

  close(): void {
    for (const backend of this.#opened) backend.close();
  }
}

const EPOCH_NS = () => (performance.timeOrigin + performance.now()) * 1e6;

/** "52:54:00:12:34:56" as bytes. */
export function parseMac(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (part) => parseInt(part, 16));
}
