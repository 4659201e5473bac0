// The interface `sockets` across a ring. What concerns a socket of a server that died is told so once there is
// another, and its owner decides what becomes of it (process/socket); what concerns none is asked again.
import type { ClientContract } from "../../../schemas/plan.ts";
import { type Coroutine, WaitQueue } from "../coroutine.ts";
import { E } from "../errno.ts";
import { SERVER_LOST, SocketCall } from "../network/protocol.ts";
import type { Service, ServiceCall } from "../service.ts";
import { type Connection, LOST } from "./connection.ts";

/** What it needs of the ring. */
export type ServerConnection = Pick<
  Connection,
  "state" | "generation" | "changed" | "maxPayloadBytes" | "call"
>;

export class SocketClient implements Service {
  readonly transaction = 0;
  readonly durable = 0;
  readonly maxPayloadBytes: number;
  /** the server that whoever waits for events knows of: he calls before all others */
  #generation: number | undefined;
  /** woken when it hears of another */
  readonly #heard = new WaitQueue();

  /** @param contract whether calls wait for a server that is away */
  constructor(
    private readonly connection: ServerConnection,
    private readonly contract: ClientContract,
  ) {
    this.maxPayloadBytes = connection.maxPayloadBytes;
  }

  *call(call: ServiceCall): Coroutine<number> {
    const { number, args } = call;
    const tells = number === SocketCall.EVENTS;
    const ofNoSocket = number === SocketCall.PROC || args[0] < 0;
    for (;;) {
      // A server may die and be replaced while nobody waits for events of it.
      if (tells && this.#replaced()) return SERVER_LOST;
      if (!tells && this.#generation !== this.connection.generation) {
        // Whoever waits for events hears of it first: it decides what becomes of sockets.
        yield this.#heard;
        if (this.contract === "retry" && !ofNoSocket) return SERVER_LOST;
        continue;
      }
      const status = yield* this.connection.call(call);
      if (status !== LOST) return status;
      if (this.contract !== "retry" && !tells) return -E.ECONNRESET;
      while (this.connection.state === "down") yield this.connection.changed;
      if (this.connection.state === "gone") return -E.ENETDOWN;
      if (!tells && !ofNoSocket) return SERVER_LOST;
    }
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
