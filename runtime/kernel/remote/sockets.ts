// The interface `sockets` across a ring. What concerns a socket of a server that died is told so once there is
// another, and its owner decides what becomes of it (process/socket); what concerns none is asked again.
import type { ClientContract } from "../../../schemas/plan.ts";
import type { Coroutine } from "../coroutine.ts";
import { E } from "../errno.ts";
import { SERVER_LOST, SocketCall } from "../network/protocol.ts";
import type { Service, ServiceCall } from "../service.ts";
import { type Connection, LOST } from "./connection.ts";

export class SocketClient implements Service {
  readonly transaction = 0;
  readonly durable = 0;
  readonly maxPayloadBytes: number;

  /** @param contract whether calls wait for a server that is away */
  constructor(private readonly connection: Connection, private readonly contract: ClientContract) {
    this.maxPayloadBytes = connection.maxPayloadBytes;
  }

  *call(call: ServiceCall): Coroutine<number> {
    const { number, args } = call;
    for (;;) {
      const status = yield* this.connection.call(call);
      if (status !== LOST) return status;
      const tells = number === SocketCall.EVENTS;
      if (this.contract !== "retry" && !tells) return -E.ECONNRESET;
      while (this.connection.state === "down") yield this.connection.changed;
      if (this.connection.state === "gone") return -E.ENETDOWN;
      const ofNoSocket = number === SocketCall.PROC || args[0] < 0;
      if (tells || !ofNoSocket) return SERVER_LOST;
    }
  }
}
