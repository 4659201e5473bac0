// The interface `sockets` across a ring. What belonged to a server that died is reset; new sockets are made
// by the next instance. Which sockets come back by themselves their owner decides (process/socket).
import type { ClientContract } from "../../../schemas/plan.ts";
import type { Coroutine } from "../coroutine.ts";
import { E } from "../errno.ts";
import { SocketCall } from "../network/protocol.ts";
import type { Service, ServiceCall } from "../service.ts";
import { type Connection, LOST } from "./connection.ts";

export class SocketClient implements Service {
  readonly transaction = 0;
  readonly durable = 0;
  readonly maxPayloadBytes: number;

  /** @param contract whether who wants a new socket waits for a server that is away */
  constructor(private readonly connection: Connection, private readonly contract: ClientContract) {
    this.maxPayloadBytes = connection.maxPayloadBytes;
  }

  *call(call: ServiceCall): Coroutine<number> {
    for (;;) {
      const status = yield* this.connection.call(call);
      if (status !== LOST) return status;
      const waits = call.number === SocketCall.EVENTS ||
        call.number === SocketCall.SOCKET && this.contract === "retry";
      if (waits) { while (this.connection.state === "down") yield this.connection.changed; }
      // Whoever listens is told once there is a server again, or never will be.
      if (call.number === SocketCall.EVENTS) return -E.ECONNRESET;
      if (call.number !== SocketCall.SOCKET) return -E.ECONNRESET;
      if (!waits || this.connection.state === "gone") return -E.ENETDOWN;
    }
  }
}
