// The serving end of the null-call measurement: answers every request at once, until told to stop.
import { RingServer } from "../runtime/hypervisor/ring/server.ts";
import type { RingShape } from "../runtime/hypervisor/ring/layout.ts";

/** Number of the call that ends the server. */
export const STOP = 2;

export function serveNullCalls(memory: ArrayBufferLike, shape: RingShape): void {
  let stopped = false;
  const server: RingServer = new RingServer(
    memory,
    shape,
    1,
    { ring: () => false },
    (request) => {
      stopped = request.number === STOP;
      server.complete(request.slot, 0, 0, 0);
    },
  );
  while (!stopped) {
    if (server.poll() === 0) Atomics.pause();
    server.publish();
  }
}
