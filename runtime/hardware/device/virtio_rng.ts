// virtio-rng (virtio 1.2, 5.4): fills the driver's buffers with random bytes from a source handed in.
import type { Chain } from "./split_queue.ts";
import type { DeviceModel } from "./virtio_device.ts";
import { DeviceId } from "./virtio.ts";

/** Bytes a request gets at most: a source may be slow, and a driver may ask again. */
const MAX_BYTES = 4096;

export class VirtioRng implements DeviceModel {
  readonly deviceId = DeviceId.ENTROPY;
  readonly queues = 1;
  readonly queueSize = 16;
  readonly features = 0;
  readonly config = new Uint8Array(0);

  constructor(private readonly fill: (bytes: Uint8Array) => void) {}

  reset(): void {}

  request(_queue: number, chain: Chain): number {
    const random = new Uint8Array(Math.min(MAX_BYTES, chain.writableBytes));
    this.fill(random);
    let at = 0;
    for (const view of chain.writable) {
      const part = random.subarray(at, at + view.length);
      view.set(part);
      at += part.length;
    }
    return random.length;
  }
}
