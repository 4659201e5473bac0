// The end of a ring through which a domain calls a service of another one. A call that was sent to a
// server that died ends as LOST: what that means to programs is the contract's business, not ours.
import type { Bell } from "../../../hardware/doorbell.ts";
import { type Completer, RingClient } from "../../../hypervisor/ring/client.ts";
import {
  MAX_CREDENTIALS,
  RingBroken,
  RingCall,
  type RingShape,
} from "../../../hypervisor/ring/layout.ts";
import { ringTraceId, silent, TraceEvent } from "../../../trace/recorder.ts";
import { Answer, type Coroutine, type Tasks, WaitQueue } from "../../coroutine.ts";
import type { PollSource } from "../../domain_loop.ts";
import type { Credential, ServiceCall } from "../../service.ts";
import { payloadFlow } from "./payload_flow.ts";

/** Result of a call whose server died before it answered; outside the range of error numbers. */
export const LOST = -65536;

/** The credential that every server knows: user and group 0. */
const KERNEL_CREDENTIAL = 0;
const NO_ARGUMENTS: number[] = [];

export type ConnectionState = "up" | "down" | "gone";

/** Who takes an answer, and the place of its request among all of the ring's generation, for traces. */
export interface PlacedCompleter extends Completer {
  place: number;
}

/** The answer to one call, once it comes: a status, or {@link LOST}. */
export class RingAnswer extends Answer<number> implements PlacedCompleter {
  place = -1;
  /** the server's running transaction when it completed the call */
  transaction = 0;

  /** @param payload where the call's output goes */
  constructor(
    private readonly connection: Connection,
    private readonly number: number,
    private readonly payload: Uint8Array,
  ) {
    super();
  }

  /** Called by the ring. */
  complete(status: number, slot: number): void {
    this.connection.copyOut(this.number, this.payload, status, slot);
    this.transaction = this.connection.transaction;
    this.connection.traceAnswer(this.place, status);
    this.arrived(status);
  }

  /** What a status means is for whoever sent the call to say; here it is the result. */
  protected arrived(status: number): void {
    this.settle(status);
  }
}

export class Connection implements PollSource {
  state: ConnectionState = "up";
  generation: number;
  /** woken when the state changes */
  readonly changed = new WaitQueue();
  readonly ring: RingClient;
  /** what is done at the end of a turn, before the server is told of what was sent in it */
  onTurnEnd: () => void = () => {};

  readonly #room = new WaitQueue();
  /** whether a request that the server was not told of is in a hurry */
  #hurries = false;
  #credentials = new WeakMap<Credential, number>();
  #nextCredential = 1;
  #lastCredential: Credential | undefined;
  #lastIndex = 0;

  /**
   * @param accuse called when the server wrote nonsense into the ring
   * @param trap where calls trap: waits until the server has settled what was sent
   * @param nowNs by which calls are timed; without it they are not
   * @param tasks those of the domain, which say whose work a call is
   * @param index of the ring in the plan, by which traces know it
   */
  constructor(
    memory: ArrayBufferLike,
    shape: RingShape,
    generation: number,
    bell: Bell,
    private readonly accuse: (reason: string) => void,
    private readonly trap?: (ring: RingClient) => void,
    nowNs?: () => number,
    private readonly tasks: Pick<Tasks, "trace" | "context"> = { trace: silent, context: 0 },
    private readonly index = 0,
  ) {
    this.generation = generation;
    this.ring = new RingClient(memory, shape, generation, bell, nowNs);
  }

  /** newest transaction numbers the server told */
  get transaction(): number {
    return this.ring.transaction;
  }

  get durable(): number {
    return this.ring.durable;
  }

  /** what the server takes for certain, as it told last */
  get spareBytes(): number {
    return this.ring.spareBytes;
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
    const answer = new RingAnswer(this, call.number, call.payload);
    while (!this.send(call, call.args, answer)) {
      if (this.state !== "up") return LOST;
      yield this.#room;
    }
    const status = yield* answer;
    call.transaction = answer.transaction;
    return status;
  }

  /** Sends a call that nobody waits for yet. @returns its answer; undefined as `send` has false */
  begin(call: ServiceCall): Answer<number> | undefined {
    const answer = new RingAnswer(this, call.number, call.payload);
    return this.send(call, call.args, answer) ? answer : undefined;
  }

  /**
   * Sends a call whose answer goes to `answer`.
   * @param args in place of the call's own
   * @param hurries whether a server that sleeps is woken for it when the turn ends; otherwise by `hurry`, or for others
   * @returns false when the ring has no room, or is not up
   */
  send(
    call: ServiceCall,
    args: ArrayLike<number>,
    answer: RingAnswer,
    hurries = true,
  ): boolean {
    if (this.state !== "up") return false;
    const index = this.#credentialIndex(call.credential);
    if (index < 0) return false;
    const { ring } = this;
    const slot = ring.acquire();
    if (slot < 0) return false;
    const { number, payload } = call;
    if (payload.length > 0 && payloadFlow(number) !== "out") {
      ring.arena.set(payload, ring.payloadOffset(slot));
      ring.copied(payload.length);
    }
    this.#submit(slot, number, args, index, payload.length, answer, hurries);
    return true;
  }

  /** Takes a slot, to write a payload in place. @returns negative where there is none, or the server is not up */
  reserve(): number {
    return this.state === "up" ? this.ring.acquire() : -1;
  }

  /** Sends a call of the kernel's own. @param slot that was reserved since the server is up, and has the payload */
  submit(slot: number, number: number, payloadLength: number, answer: PlacedCompleter): void {
    this.#submit(slot, number, NO_ARGUMENTS, KERNEL_CREDENTIAL, payloadLength, answer, true);
  }

  #submit(
    slot: number,
    number: number,
    args: ArrayLike<number>,
    credential: number,
    payloadLength: number,
    answer: PlacedCompleter,
    hurries: boolean,
  ): void {
    const { ring } = this, { trace } = this.tasks;
    if (hurries) this.#hurries = true;
    if (trace.on) {
      answer.place = ring.sent;
      trace.record(TraceEvent.SEND, this.#traceId, answer.place, number, this.tasks.context);
    }
    ring.submit(slot, number, args, credential, payloadLength, answer);
    this.trap?.(ring);
  }

  /** Notes that an answer has come. */
  traceAnswer(place: number, status: number): void {
    const { trace } = this.tasks;
    if (trace.on) trace.record(TraceEvent.ANSWER, this.#traceId, place, status);
  }

  get #traceId(): number {
    return ringTraceId(this.index, this.generation);
  }

  /** Copies a completed call's output before its slot is used again. */
  copyOut(number: number, payload: Uint8Array, status: number, slot: number): void {
    if (status === LOST) return;
    const flow = payloadFlow(number);
    if (flow === "in" || status < 0 && flow === "out") return;
    // The server says how much it wrote; more than there is room for cannot be.
    // Some answers carry a level above the count of bytes.
    const length = flow === "out" ? Math.min(status % 2 ** 32, payload.length) : payload.length;
    if (length === 0) return;
    payload.set(this.ring.payload(slot, length));
    this.ring.copied(length);
  }

  /** The number by which the server knows a credential; -1 when there is no room to tell it. */
  #credentialIndex(credential: Credential): number {
    if (credential === this.#lastCredential) return this.#lastIndex;
    let index = this.#credentials.get(credential);
    if (index === undefined) {
      if (this.ring.room < 2) return -1;
      index = this.#registerCredential(credential);
    }
    this.#lastCredential = credential;
    return this.#lastIndex = index;
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
      this.#leave("down");
      this.accuse(failure.message);
      return 1;
    }
  }

  pending(): boolean {
    return this.state === "up" && this.ring.answered;
  }

  notify(): void {
    if (this.state !== "up") return;
    this.onTurnEnd();
    const { ring } = this;
    // A server that is awake sees what is published.
    if (!this.#hurries) return ring.publish();
    this.#hurries = false;
    ring.notify();
  }

  /** Has the server do now what was sent without hurry. */
  hurry(): void {
    if (this.state !== "up") return;
    this.#hurries = false;
    this.ring.notify();
  }

  /**
   * The server is away ("down", it may come back) or for good ("gone"). Calls that it still answered
   * have their answers; every other one ends as LOST.
   */
  lose(state: "down" | "gone"): void {
    if (this.state === "up") this.#takeLastAnswers();
    this.#leave(state);
  }

  #takeLastAnswers(): void {
    try {
      this.ring.poll();
    } catch (failure) {
      // It is not there any more to be accused of what else it wrote.
      if (!(failure instanceof RingBroken)) throw failure;
    }
  }

  #leave(state: "down" | "gone"): void {
    this.state = state;
    for (const completer of this.ring.detach()) completer.complete(LOST, 0);
    this.#room.wakeAll();
    this.changed.wakeAll();
  }

  /** A server of a new generation is there, behind an emptied ring. */
  restore(memory: ArrayBufferLike, generation: number, bell: Bell): void {
    this.ring.attach(memory, generation, bell);
    this.#credentials = new WeakMap();
    this.#lastCredential = undefined;
    this.#nextCredential = 1;
    this.#hurries = false;
    this.generation = generation;
    this.state = "up";
    this.changed.wakeAll();
  }
}
