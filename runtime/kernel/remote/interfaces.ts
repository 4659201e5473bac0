// Which interfaces can cross domains, and what stands at each end of the ring.
import type { ClientContract, RingPlan } from "../../../schemas/plan.ts";
import type { Bell } from "../../hardware/doorbell.ts";
import type { Environment } from "../environment.ts";
import type { Service } from "../service.ts";
import type { Connection } from "./transport/connection.ts";
import { DiskClient, DiskServer } from "./interfaces/disk.ts";
import { FrameClient, FrameServer } from "./interfaces/frames.ts";
import { ServiceServer } from "./transport/service_server.ts";
import { SocketClient } from "./interfaces/sockets.ts";
import type { BlockDevice } from "../block/block_device.ts";
import type { FrameDevice } from "../network/frame_device.ts";

/** Serves what the ring carries from what this domain provides. */
export function serveInterface(
  ring: RingPlan,
  provided: unknown,
  end: { memory: ArrayBufferLike; peerBell: Bell },
  environment: Environment,
  accuse?: (reason: string) => void,
  index = 0,
): ServiceServer {
  return new ServiceServer(
    end.memory,
    ring,
    end.peerBell,
    serviceOf(ring, provided, environment),
    environment.tasks,
    accuse,
    index,
  );
}

function serviceOf(ring: RingPlan, provided: unknown, environment: Environment): Service {
  if (ring.interface === "disk") return new DiskServer(provided as BlockDevice, environment, ring);
  if (ring.interface === "frames") return new FrameServer(provided as FrameDevice);
  return provided as Service;
}

/** What a component is handed in place of its neighbour in another domain. */
export function standIn(
  name: string,
  connection: Connection,
  contract: ClientContract,
  environment: Environment,
): unknown {
  if (name === "disk") return new DiskClient(connection, contract, environment);
  if (name === "frames") return new FrameClient(connection);
  return name === "sockets"
    ? new SocketClient(connection, contract, environment.tasks)
    : connection;
}
