// The entropy driver (virtio 1.2, 5.4). One request at a time fills a page; readers wait for it.
import { DeviceId } from "../../hardware/device/virtio.ts";
import type { Component } from "../component.ts";
import { type Coroutine, Mutex, WaitQueue } from "../coroutine.ts";
import type { Environment } from "../environment.ts";
import type { DeviceAttachment } from "./device_attachment.ts";
import type { Entropy } from "./entropy.ts";
import { queueRanges, VirtioProbe } from "./virtio_probe.ts";
import { Virtqueue } from "./virtqueue.ts";

const QUEUE_SIZE = 4;

export function createVirtioRng(
  environment: Environment,
  _needs: Record<string, unknown>,
  settings: Record<string, unknown>,
): Component {
  const attachment = settings.attachment as DeviceAttachment;
  const probe = new VirtioProbe(attachment.registers, environment.memory, DeviceId.ENTROPY, 0);
  const queue = new Virtqueue<{ done: WaitQueue; written: number }>(
    environment.memory,
    QUEUE_SIZE,
    1,
  );
  const page = environment.memory.allocate(4096);
  const turn = new Mutex();
  attachment.onInterrupt = () =>
    queue.takeUsed((request, written) => {
      request.written = written;
      request.done.wakeAll();
    });
  probe.setQueue(0, queue);
  probe.begin([...queueRanges(queue), { address: page.address, sizeBytes: page.bytes.length }]);

  const entropy: Entropy = {
    *fill(into: Uint8Array): Coroutine<void> {
      yield* turn.acquire();
      try {
        for (let done = 0; done < into.length;) {
          const length = Math.min(page.bytes.length, into.length - done);
          const request = { done: new WaitQueue(), written: -1 };
          queue.add(request, [], [{ address: page.address, length }]);
          attachment.registers.notify(0);
          while (request.written < 0) yield request.done;
          into.set(page.bytes.subarray(0, request.written), done);
          done += request.written;
        }
      } finally {
        turn.release();
      }
    },
  };
  return { provides: { entropy } };
}
