// The end of a ring that a domain serves: each request becomes a call of a `Service`.
import { RingServer } from "../../hypervisor/ring/server.ts";
import type { RingRequest } from "../../hypervisor/ring/server.ts";
import type { RingShape } from "../../hypervisor/ring/layout.ts";
import type { Bell } from "../../hardware/doorbell.ts";
import { isCoroutine, type Tasks } from "../coroutine.ts";
import type { PollSource } from "../domain_loop.ts";
import { Errno } from "../errno.ts";
import type { Service } from "../service.ts";

/** Serves `service` on a ring. Anything but an Errno that a call throws is the domain's failure. */
export class ServiceServer implements PollSource {
  readonly ring: RingServer;

  constructor(
    memory: ArrayBufferLike,
    shape: RingShape,
    generation: number,
    clientBell: Bell,
    private readonly service: Service,
    private readonly tasks: Tasks,
  ) {
    this.ring = new RingServer(
      memory,
      shape,
      generation,
      clientBell,
      (request) => this.#serve(request),
    );
  }

  poll(): number {
    return this.ring.poll();
  }

  pending(): boolean {
    return this.ring.pending;
  }

  notify(): void {
    this.ring.notify();
  }

  #serve(request: RingRequest): void {
    try {
      const result = this.service.call(request);
      if (isCoroutine(result)) {
        this.tasks.spawn(result, (value, failure) => this.#settle(request.slot, value, failure));
      } else this.#complete(request.slot, result);
    } catch (failure) {
      this.#settle(request.slot, undefined, failure);
    }
  }

  #settle(slot: number, value: number | undefined, failure: unknown): void {
    if (failure instanceof Errno) this.#complete(slot, -failure.errno);
    else if (failure !== undefined) throw failure;
    else this.#complete(slot, value as number);
  }

  #complete(slot: number, status: number): void {
    this.ring.complete(slot, status, this.service.transaction, this.service.durable);
  }
}
