// The domain of programs whose sockets are served behind a slow ring.
import type { Answer, Coroutine } from "../../../coroutine.ts";
import type { Environment } from "../../../environment.ts";
import { encodeAddress } from "../../../network/address.ts";
import { AF, SOCK } from "../../../network/constants.ts";
import { SocketCall } from "../../../network/protocol.ts";
import type { SimulatedDevice } from "../../../network/tcpip/testing/simulated_link.ts";
import { at, NEAR, World, type WorldSettings } from "../../../network/tcpip/testing/world.ts";
import { SocketClient } from "../../../remote/interfaces/sockets.ts";
import type { ServiceCall } from "../../../service.ts";
import type { Process } from "../../process.ts";
import type { InternetSocket } from "../internet_socket.ts";
import { InternetSockets } from "../internet_sockets.ts";
import { openInternet } from "../open_internet.ts";
import { SlowRing } from "./slow_ring.ts";

/** What a socket's calls take of a process is nothing here. */
export const nobody = undefined as unknown as Process;
export const credential = { uid: 0, gid: 0, groups: [] };

export class ClientDomain {
  readonly world: World;
  readonly environment: Environment;
  readonly ring: SlowRing;
  readonly sockets: InternetSockets;
  /** numbers of the calls that crossed, but for the one that waits for news */
  readonly asked: number[] = [];

  constructor(settings: WorldSettings) {
    const world = this.world = new World(settings), { asked } = this;
    class Noted extends SlowRing {
      override begin(call: ServiceCall): Answer<number> | undefined {
        const answer = super.begin(call);
        if (answer !== undefined && call.number !== SocketCall.EVENTS) asked.push(call.number);
        return answer;
      }
    }
    // Nothing but tasks on the same clock: one set is the programs', another the ring's.
    this.environment = world.environment({} as SimulatedDevice);
    this.ring = new Noted(world, world.environment({} as SimulatedDevice).tasks);
    this.sockets = new InternetSockets(
      this.environment,
      new SocketClient(this.ring, "retry", this.environment.tasks),
    );
  }

  /** Runs programs at the same time, each to its end. @throws what the first one throws that fails */
  results<T>(...programs: Coroutine<T>[]): T[] {
    const results: T[] = [], failures: unknown[] = [];
    let over = 0;
    programs.forEach((program, index) =>
      this.environment.tasks.spawn(program, (value, failure) => {
        if (failure !== undefined) failures.push(failure);
        results[index] = value!;
        over++;
      })
    );
    if (!this.world.run(() => over === programs.length)) {
      throw new Error("the programs come to no end");
    }
    if (failures.length > 0) throw failures[0];
    return results;
  }

  result<T>(program: Coroutine<T>): T {
    return this.results(program)[0];
  }

  /** What a call comes to without anything going on meanwhile: whether it was known here. */
  atOnce<T>(program: Coroutine<T>): T {
    const before = this.asked.length;
    let result: T | undefined, over = false, failed: unknown;
    this.environment.tasks.spawn(
      program,
      (value, failure) => [result, failed, over] = [value, failure, true],
    );
    if (!over || this.asked.length !== before) throw new Error("it asks the server");
    if (failed !== undefined) throw failed;
    return result!;
  }

  open(flags = 0): InternetSocket {
    return this.result(
      openInternet(this.sockets, credential, AF.INET, SOCK.STREAM, 0, flags),
    );
  }

  listen(port: number, flags = 0): InternetSocket {
    const socket = this.open(flags);
    this.result(socket.bind(nobody, encodeAddress(at(NEAR, port))));
    this.result(socket.listen(nobody, 100));
    return socket;
  }
}
