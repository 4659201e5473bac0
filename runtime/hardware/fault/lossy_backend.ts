// A cable that loses frames: between a network device and its backend, in both directions. What is lost is
// drawn from a seed, frame by frame, so that the same frames are lost of the same traffic.
import type { FaultDescription } from "../../../schemas/plan.ts";
import { seededFraction } from "../../../schemas/seeded_random.ts";
import type { NetworkBackend } from "../network/backend.ts";
import type { Frame } from "../network/frame.ts";
import type { RequestCountdown } from "./request_countdown.ts";

const SOURCE = "virtio-net";
const Direction = { SENT: 0, RECEIVED: 1 } as const;

export class LossyBackend implements NetworkBackend {
  readonly mtu: number;
  /** frames that were lost */
  lost = 0;
  #rate = 0;
  #draw = seededFraction(0);
  #untilMs = Infinity;

  /** @param countdowns faults that are due at certain frames */
  constructor(
    private readonly backend: NetworkBackend,
    private readonly countdowns: RequestCountdown[],
    private readonly nowMs: () => number,
    private readonly log: (line: string) => void,
  ) {
    this.mtu = backend.mtu;
  }

  /** From here on frames are lost; a rate of 0 ends it. */
  begin({ rate = 0, seed = 1, forMs = Infinity }: FaultDescription): void {
    this.#rate = rate;
    this.#draw = seededFraction(seed);
    this.#untilMs = this.nowMs() + forMs;
  }

  send(frame: Frame): boolean {
    return this.#loses(Direction.SENT) || this.backend.send(frame);
  }

  receive(): Frame | undefined {
    for (;;) {
      const frame = this.backend.receive();
      if (frame === undefined || !this.#loses(Direction.RECEIVED)) return frame;
    }
  }

  get pending(): boolean {
    return this.backend.pending;
  }

  reset(): void {
    this.backend.reset();
  }

  close(): void {
    this.backend.close();
  }

  #loses(direction: number): boolean {
    for (const countdown of this.countdowns) {
      if (!countdown.due(SOURCE, direction)) continue;
      this.log(`fault: ${countdown.fault.kind} at ${countdown.description}`);
      this.begin(countdown.fault);
    }
    if (this.#rate === 0) return false;
    if (this.nowMs() >= this.#untilMs) this.#rate = 0;
    const lost = this.#draw() < this.#rate;
    if (lost) this.lost++;
    return lost;
  }
}
