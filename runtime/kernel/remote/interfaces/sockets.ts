// The interface `sockets` across a ring. What concerns a socket of a server that died is told so once there is
// another, and its owner decides what becomes of it (process/socket); what concerns none is asked again.
import type { ClientContract } from "../../../../schemas/plan.ts";
import { Answer, type Coroutine, type Tasks, WaitQueue } from "../../coroutine.ts";
import { E } from "../../errno.ts";
import { SERVER_LOST, SocketCall } from "../../network/protocol.ts";
import type { Service, ServiceCall } from "../../service.ts";
import { type Connection, LOST } from "../transport/connection.ts";

/** What it needs of the ring. */
export type ServerConnection = Pick<
  Connection,
  "state" | "generation" | "changed" | "maxPayloadBytes" | "call" | "begin"
>;

export class SocketClient implements Service {
  readonly transaction = 0;
  readonly durable = 0;
  readonly maxPayloadBytes: number;
  /** the server that whoever waits for events knows of: he calls before all others */
  #generation: number | undefined;
  /** woken when it hears of another */
  readonly #heard = new WaitQueue();

  /** @param contract whether calls wait for a server that is away @param tasks in which they do */
  constructor(
    private readonly connection: ServerConnection,
    private readonly contract: ClientContract,
    private readonly tasks: Tasks,
  ) {
    this.maxPayloadBytes = connection.maxPayloadBytes;
  }

  call(call: ServiceCall): Coroutine<number> {
    const known = this.#generation === this.connection.generation;
    const sent = known && call.number !== SocketCall.EVENTS
      ? this.connection.begin(call)
      : undefined;
    if (sent === undefined) return this.#call(call);
    const answer = new Answer<number>();
    sent.subscribe((status) => {
      if (status !== LOST) return answer.settle(status);
      this.tasks.spawn(this.#goOn(call), (value, failure) => answer.settle(value, failure));
    });
    return answer;
  }

  *#call(call: ServiceCall): Coroutine<number> {
    const { number } = call, tells = number === SocketCall.EVENTS;
    for (;;) {
      // A server may die and be replaced while nobody waits for events of it.
      if (tells && this.#replaced()) return SERVER_LOST;
      if (!tells && this.#generation !== this.connection.generation) {
        // Whoever waits for events hears of it first: it decides what becomes of sockets.
        yield this.#heard;
        if (this.contract === "retry" && !ofNoSocket(call)) return SERVER_LOST;
        continue;
      }
      const status = yield* this.connection.call(call);
      return status === LOST ? yield* this.#goOn(call) : status;
    }
  }

  /** What becomes of a call whose server has died. */
  *#goOn(call: ServiceCall): Coroutine<number> {
    const tells = call.number === SocketCall.EVENTS;
    if (this.contract !== "retry" && !tells) return -E.ECONNRESET;
    while (this.connection.state === "down") yield this.connection.changed;
    if (this.connection.state === "gone") return -E.ENETDOWN;
    return tells || ofNoSocket(call) ? yield* this.#call(call) : SERVER_LOST;
  }

  /** Whether there is another server than the one that was known, which is known from now on. */
  #replaced(): boolean {
    const { generation } = this.connection;
    const replaced = this.#generation !== undefined && generation !== this.#generation;
    this.#generation = generation;
    if (replaced) this.#heard.wakeAll();
    return replaced;
  }
}

function ofNoSocket({ number, args }: ServiceCall): boolean {
  return number === SocketCall.PROC || args[0] < 0;
}
