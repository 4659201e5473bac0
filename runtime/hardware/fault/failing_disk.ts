// A disk that fails as it is told: requests end with VIRTIO_BLK_S_IOERR (virtio 1.2, 5.2.6) as those of a
// host that cannot read, or has no room to write. The model behind it does not know.
import type { FaultDescription } from "../../../schemas/plan.ts";
import type { Chain } from "../device/split_queue.ts";
import { Block } from "../device/virtio.ts";
import type { DeviceModel } from "../device/virtio_device.ts";
import type { RequestCountdown } from "./request_countdown.ts";

/** What the request is called in the plan's tables. */
const SOURCE = "virtio-blk";

export class FailingDisk implements DeviceModel {
  readonly deviceId: number;
  readonly queues: number;
  readonly queueSize: number;
  readonly features: number;
  readonly inOrder?: boolean;
  readonly config: Uint8Array;
  /** the next request fails */
  #next = false;
  #errorsUntilMs = -Infinity;
  #fullUntilMs = -Infinity;

  /** @param countdowns faults that are due at certain requests */
  constructor(
    private readonly disk: DeviceModel,
    private readonly countdowns: RequestCountdown[],
    private readonly nowMs: () => number,
    private readonly log: (line: string) => void,
  ) {
    ({
      deviceId: this.deviceId,
      queues: this.queues,
      queueSize: this.queueSize,
      features: this.features,
      inOrder: this.inOrder,
      config: this.config,
    } = disk);
  }

  /** From here on, or once, requests fail. */
  begin({ kind, forMs }: FaultDescription): void {
    if (kind === "disk-full") this.#fullUntilMs = this.nowMs() + (forMs ?? Infinity);
    else if (forMs === undefined) this.#next = true;
    else this.#errorsUntilMs = this.nowMs() + forMs;
  }

  reset(): void {
    this.disk.reset();
  }

  request(queue: number, chain: Chain): number {
    const type = typeOf(chain), status = chain.writable.at(-1);
    if (type === undefined || status === undefined) return this.disk.request(queue, chain);
    for (const countdown of this.countdowns) {
      if (!countdown.due(SOURCE, type)) continue;
      this.log(`fault: ${countdown.fault.kind} at ${countdown.description}`);
      this.begin(countdown.fault);
    }
    if (!this.#fails(type)) return this.disk.request(queue, chain);
    status[status.length - 1] = Block.IOERR;
    return 1;
  }

  #fails(type: number): boolean {
    if (this.#next) {
      this.#next = false;
      return true;
    }
    const writes = type === Block.OUT || type === Block.WRITE_ZEROES;
    const untilMs = writes ? Math.max(this.#fullUntilMs, this.#errorsUntilMs) : this.#errorsUntilMs;
    return untilMs > -Infinity && this.nowMs() < untilMs;
  }
}

/** The type of a request; undefined for one whose header is cut into pieces that no driver would make. */
function typeOf({ readable }: Chain): number | undefined {
  const first = readable[0];
  if (first === undefined || first.length < 4) return undefined;
  return first[0] | first[1] << 8 | first[2] << 16 | first[3] << 24;
}
