// The end of a ring through which a domain calls a service of another one. A call that was sent to a
// server that died ends as LOST: what that means to programs is the contract's business, not ours.
import type { Bell } from "../../hardware/doorbell.ts";
import { RingClient } from "../../hypervisor/ring/client.ts";
import {
  MAX_CREDENTIALS,
  RingBroken,
  RingCall,
  type RingShape,
} from "../../hypervisor/ring/layout.ts";
import { type Coroutine, WaitQueue } from "../coroutine.ts";
import type { PollSource } from "../domain_loop.ts";
import type { Credential, ServiceCall } from "../service.ts";
import { payloadFlow } from "./payload_flow.ts";

/** Result of a call whose server died before it answered; outside the range of error numbers. */
export const LOST = -65536;

export type ConnectionState = "up" | "down" | "gone";

/** One call on its way. Objects are reused: a call in a slot is over before the slot is taken again. */
class PendingCall {
  readonly answered = new WaitQueue();
  payload!: Uint8Array;
  number = 0;
  status = 0;
  transaction = 0;
  done = false;
  constructor(private readonly connection: Connection) {}

  complete(status: number, slot: number): void {
    this.connection.copyOut(this, status, slot);
    this.status = status;
    this.transaction = this.connection.transaction;
    this.done = true;
    this.answered.wakeAll();
  }
}

export class Connection implements PollSource {
  state: ConnectionState = "up";
  generation: number;
  /** woken when the state changes */
  readonly changed = new WaitQueue();
  readonly ring: RingClient;

  readonly #room = new WaitQueue();
  readonly #spare: PendingCall[] = [];
  #credentials = new WeakMap<Credential, number>();
  #nextCredential = 1;

  /** @param accuse called when the server wrote nonsense into the ring */
  constructor(
    memory: ArrayBufferLike,
    shape: RingShape,
    generation: number,
    bell: Bell,
    private readonly accuse: (reason: string) => void,
  ) {
    this.generation = generation;
    this.ring = new RingClient(memory, shape, generation, bell);
  }

  /** newest transaction numbers the server told */
  get transaction(): number {
    return this.ring.transaction;
  }

  get durable(): number {
    return this.ring.durable;
  }

  /** most payload bytes of one call */
  get maxPayloadBytes(): number {
    return this.ring.slotBytes;
  }

  /**
   * Sends a call and waits for its answer.
   * @returns its status, or {@link LOST} when the server died meanwhile or is away
   */
  *call(call: ServiceCall): Coroutine<number> {
    const credential = call.credential;
    let index = this.#credentials.get(credential);
    while (this.state === "up" && this.ring.room < (index === undefined ? 2 : 1)) yield this.#room;
    if (this.state !== "up") return LOST;
    if (index === undefined) index = this.#registerCredential(credential);
    const slot = this.ring.acquire();
    const pending = this.#spare.pop() ?? new PendingCall(this);
    const payload = call.payload;
    pending.payload = payload;
    pending.number = call.number;
    pending.done = false;
    const flow = payloadFlow(call.number);
    if (flow !== "out" && payload.length > 0) {
      this.ring.arena.set(payload, this.ring.payloadOffset(slot));
    }
    this.ring.submit(slot, call.number, call.args, index, payload.length, pending);
    while (!pending.done) yield pending.answered;
    this.#spare.push(pending);
    call.transaction = pending.transaction;
    return pending.status;
  }

  /** Copies a completed call's output before its slot is used again. */
  copyOut(pending: PendingCall, status: number, slot: number): void {
    if (status === LOST) return;
    const flow = payloadFlow(pending.number);
    if (flow === "in" || status < 0 && flow === "out") return;
    // The server says how much it wrote; more than there is room for cannot be.
    const length = flow === "out"
      ? Math.min(status, pending.payload.length)
      : pending.payload.length;
    if (length <= 0) return;
    const from = this.ring.payloadOffset(slot);
    pending.payload.set(this.ring.arena.subarray(from, from + length));
  }

  #registerCredential(credential: Credential): number {
    const index = this.#nextCredential;
    this.#nextCredential = index + 1 === MAX_CREDENTIALS ? 1 : index + 1;
    if (index === 1) this.#credentials = new WeakMap();
    this.#credentials.set(credential, index);
    const ids = Uint32Array.of(credential.uid, credential.gid, ...credential.groups);
    const slot = this.ring.acquire();
    this.ring.arena.set(new Uint8Array(ids.buffer), this.ring.payloadOffset(slot));
    this.ring.submit(slot, RingCall.CREDENTIAL, [index], 0, ids.byteLength, { complete: () => {} });
    return index;
  }

  poll(): number {
    if (this.state !== "up") return 0;
    try {
      const count = this.ring.poll();
      if (count > 0) this.#room.wakeAll();
      return count;
    } catch (failure) {
      if (!(failure instanceof RingBroken)) throw failure;
      this.lose("down");
      this.accuse(failure.message);
      return 1;
    }
  }

  pending(): boolean {
    return this.state === "up" && this.ring.answered;
  }

  notify(): void {
    if (this.state === "up") this.ring.notify();
  }

  /** The server is away ("down", it may come back) or for good ("gone"): every call ends as LOST. */
  lose(state: "down" | "gone"): void {
    this.state = state;
    for (const completer of this.ring.detach()) completer.complete(LOST, 0);
    this.#room.wakeAll();
    this.changed.wakeAll();
  }

  /** A server of a new generation is there, behind an emptied ring. */
  restore(memory: ArrayBufferLike, generation: number, bell: Bell): void {
    this.ring.attach(memory, generation, bell);
    this.#credentials = new WeakMap();
    this.#nextCredential = 1;
    this.generation = generation;
    this.state = "up";
    this.changed.wakeAll();
  }
}
