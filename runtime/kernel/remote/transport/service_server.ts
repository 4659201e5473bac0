// The end of a ring that a domain serves: each request becomes a call of a `Service`. Nothing is taken
// while no client is there; what a client that died left under way is finished, for nobody.
import { RingServer } from "../../../hypervisor/ring/server.ts";
import type { RingRequest } from "../../../hypervisor/ring/server.ts";
import { RingBroken, type RingShape } from "../../../hypervisor/ring/layout.ts";
import type { Bell } from "../../../hardware/doorbell.ts";
import { ringTraceId, TraceEvent } from "../../../trace/recorder.ts";
import { isCoroutine, type Tasks } from "../../coroutine.ts";
import type { PollSource } from "../../domain_loop.ts";
import { Errno } from "../../errno.ts";
import type { Service } from "../../service.ts";
import type { FollowingEnd } from "./link_follower.ts";

/** Serves `service` on a ring. Anything but an Errno that a call throws is the domain's failure. */
export class ServiceServer implements PollSource, FollowingEnd {
  readonly ring: RingServer;
  #attached = false;
  #traceId = 0;

  /**
   * @param accuse told that the client wrote nonsense, of which nothing more is then taken; without it
   * that is the domain's failure
   * @param index of the ring in the plan, by which traces know it
   */
  constructor(
    memory: ArrayBufferLike,
    shape: RingShape,
    clientBell: Bell,
    private readonly service: Service,
    private readonly tasks: Tasks,
    private readonly accuse?: (reason: string) => void,
    private readonly index = 0,
  ) {
    this.ring = new RingServer(
      memory,
      shape,
      0,
      clientBell,
      (request) => this.#serve(request),
    );
  }

  up(generation: number): void {
    this.ring.attach(generation);
    this.#traceId = ringTraceId(this.index, generation);
    this.#attached = true;
  }

  down(): boolean {
    this.#attached = false;
    this.service.abandon?.();
    return this.ring.inFlight === 0;
  }

  poll(): number {
    if (!this.#attached) return 0;
    try {
      return this.ring.poll();
    } catch (failure) {
      if (!(failure instanceof RingBroken) || this.accuse === undefined) throw failure;
      this.#attached = false;
      this.accuse(failure.message);
      return 1;
    }
  }

  pending(): boolean {
    return this.#attached && this.ring.pending;
  }

  notify(): void {
    if (!this.#attached) return;
    this.service.endTurn?.();
    this.ring.notify();
  }

  #serve(request: RingRequest): void {
    const { tasks, ring } = this;
    const context = tasks.context = ring.calls << 6 | this.index;
    if (tasks.trace.on) {
      const { slot, number } = request;
      tasks.trace.record(TraceEvent.TAKE, this.#traceId, ring.taken - 1, slot, number, context);
    }
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
    const { trace } = this.tasks;
    if (trace.on) trace.record(TraceEvent.COMPLETE, this.#traceId, slot, status);
    const { transaction, durable, spareBytes } = this.service;
    this.ring.complete(slot, status, transaction, durable, spareBytes);
  }
}
