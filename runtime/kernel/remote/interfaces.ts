// Which interfaces can cross domains, and what stands at each end of the ring.
import type { ClientContract, RingPlan } from "../../../schemas/plan.ts";
import type { Bell } from "../../hardware/doorbell.ts";
import type { Environment } from "../environment.ts";
import type { Service } from "../service.ts";
import type { Connection } from "./connection.ts";
import { DiskClient, DiskServer } from "./disk.ts";
import { ServiceServer } from "./service_server.ts";
import { SocketClient } from "./sockets.ts";
import type { BlockDevice } from "../block/block_device.ts";

/** Serves what the ring carries from what this domain provides. */
export function serveInterface(
  ring: RingPlan,
  provided: unknown,
  end: { memory: ArrayBufferLike; peerBell: Bell },
  environment: Environment,
  accuse?: (reason: string) => void,
  index = 0,
): ServiceServer {
  const service = ring.interface === "disk"
    ? new DiskServer(provided as BlockDevice, environment, ring)
    : provided as Service;
  return new ServiceServer(
    end.memory,
    ring,
    end.peerBell,
    service,
    environment.tasks,
    accuse,
    index,
  );
}

/** What a component is handed in place of its neighbour in another domain. */
export function standIn(
  name: string,
  connection: Connection,
  contract: ClientContract,
  environment: Environment,
): unknown {
  if (name === "disk") return new DiskClient(connection, contract, environment);
  return name === "sockets"
    ? new SocketClient(connection, contract, environment.tasks)
    : connection;
}
