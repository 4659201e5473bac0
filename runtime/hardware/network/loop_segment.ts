// The backend "loop": a segment with the network devices of one machine on it and nobody else, which loses,
// repeats, delays and reorders frames as it is told. What happens is drawn from a seed; time is handed in.
import type { LoopPlan } from "../../../schemas/machine_plan.ts";
import { seededFraction } from "../../../schemas/seeded_random.ts";
import type { NetworkBackend } from "./backend.ts";
import type { Frame } from "./frame.ts";

const MTU = 1500;
/** Frames that wait for one device: what comes on top is lost, as in any switch. */
const MAX_WAITING = 1024;
/** A frame that is overtaken comes this much later, besides the delay. */
const OVERTAKEN_MS = 1;

export interface LoopHost {
  nowMs(): number;
  /** Calls once after some time. */
  after(delayMs: number, call: () => void): void;
  /** Called when a device may have a frame. */
  wake(): void;
}

/** All segments of a machine, by name. */
export class LoopSegments {
  readonly #segments = new Map<string, LoopSegment>();

  constructor(private readonly host: LoopHost) {}

  /** A place for a device on the segment that its plan names; the first says what goes wrong there. */
  attach(plan: LoopPlan): NetworkBackend {
    let segment = this.#segments.get(plan.segment);
    if (segment === undefined) {
      this.#segments.set(plan.segment, segment = new LoopSegment(plan, this.host));
    }
    return segment.attach();
  }
}

interface Flying {
  dueMs: number;
  frame: Frame;
  to: LoopPort;
}

class LoopSegment {
  readonly #ports: LoopPort[] = [];
  /** by when they are due */
  readonly #flying: Flying[] = [];
  readonly #draw: () => number;

  constructor(private readonly plan: LoopPlan, private readonly host: LoopHost) {
    this.#draw = seededFraction(plan.seed);
  }

  attach(): LoopPort {
    const port = new LoopPort((frame) => this.#carry(port, frame), () => this.#land());
    this.#ports.push(port);
    return port;
  }

  #carry(from: LoopPort, frame: Frame): void {
    const { loss, duplication, reordering, delayMs } = this.plan;
    for (const to of this.#ports) {
      if (to === from || this.#draw() < loss) continue;
      const copies = this.#draw() < duplication ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const late = this.#draw() < reordering ? OVERTAKEN_MS : 0;
        this.#launch({ dueMs: this.host.nowMs() + delayMs + late, frame, to }, delayMs + late);
      }
    }
  }

  #launch(flying: Flying, delayMs: number): void {
    if (delayMs === 0 && this.#flying.length === 0) return this.#arrive(flying);
    let index = this.#flying.length;
    while (index > 0 && this.#flying[index - 1].dueMs > flying.dueMs) index--;
    this.#flying.splice(index, 0, flying);
    this.host.after(delayMs, () => this.#land());
  }

  #land(): void {
    const now = this.host.nowMs();
    while (this.#flying.length > 0 && this.#flying[0].dueMs <= now) {
      this.#arrive(this.#flying.shift()!);
    }
  }

  #arrive({ to, frame }: Flying): void {
    if (to.waiting.length < MAX_WAITING) to.waiting.push(frame);
    this.host.wake();
  }
}

class LoopPort implements NetworkBackend {
  readonly mtu = MTU;
  readonly waiting: Frame[] = [];

  /** @param land has arrive what is due */
  constructor(
    private readonly carry: (frame: Frame) => void,
    private readonly land: () => void,
  ) {}

  send(frame: Frame): boolean {
    this.carry(frame);
    return true;
  }

  receive(): Frame | undefined {
    this.land();
    return this.waiting.shift();
  }

  get pending(): boolean {
    return this.waiting.length > 0;
  }

  reset(): void {
    this.waiting.length = 0;
  }

  close(): void {}
}
