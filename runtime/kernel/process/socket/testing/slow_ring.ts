// A socket server at the other end of a ring, each way of which takes a random time, in order. It can die: what it
// had not answered is lost, and another one takes its place.
import { Answer, type Coroutine, finish, type Tasks, WaitQueue } from "../../../coroutine.ts";
import { Errno } from "../../../errno.ts";
import { SocketServer } from "../../../network/sockets/sockets.ts";
import { Death, type World } from "../../../network/tcpip/testing/world.ts";
import { type ConnectionState, LOST } from "../../../remote/transport/connection.ts";
import { payloadFlow } from "../../../remote/transport/payload_flow.ts";
import type { ServerConnection } from "../../../remote/interfaces/sockets.ts";
import type { ServiceCall } from "../../../service.ts";

const MOST_DELAY_NS = 200_000;
/** Handles of one server and of the next are apart. */
const HANDLES = 100_000;
const SLOT_BYTES = 66_000;

interface Message {
  dueNs: number;
  arrives: () => void;
}

export class SlowRing implements ServerConnection {
  state: ConnectionState = "up";
  generation = 1;
  readonly changed = new WaitQueue();
  readonly maxPayloadBytes = SLOT_BYTES;
  /** servers that have died */
  deaths = 0;
  #server: SocketServer;
  readonly #calls: Message[] = [];
  readonly #answers: Message[] = [];
  /** calls without an answer on its way */
  readonly #open = new Set<Answer<number>>();

  /** @param tasks in which messages travel @param died called when a server has died */
  constructor(
    private readonly world: World,
    private readonly tasks: Tasks,
    private readonly died = () => {},
  ) {
    this.#server = new SocketServer(world.near.transport, 1);
  }

  *call(call: ServiceCall): Coroutine<number> {
    const answer = this.begin(call);
    return answer === undefined ? LOST : yield* answer;
  }

  begin(call: ServiceCall): Answer<number> | undefined {
    if (this.state !== "up") return undefined;
    const answer = new Answer<number>(), payload = call.payload.slice();
    this.#open.add(answer);
    const { generation } = this;
    this.#post(this.#calls, () => {
      // The ring of a server that has died is nobody's.
      if (generation !== 1 + this.deaths) return;
      this.#serve({ ...call, payload }, call.payload, answer);
    });
    return answer;
  }

  #serve(call: ServiceCall, output: Uint8Array, answer: Answer<number>): void {
    const server = this.#server, { deaths } = this;
    const served = function* (): Coroutine<number> {
      return yield* finish(server.call(call));
    };
    this.tasks.spawn(served(), (status, failure) => {
      if (deaths !== this.deaths) return;
      if (failure instanceof Death) return this.die();
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
      if (!this.#open.delete(answer)) return;
      this.#answer(call, output, answer, failure instanceof Errno ? -failure.errno : status!);
    });
  }

  #answer(call: ServiceCall, output: Uint8Array, answer: Answer<number>, status: number): void {
    this.#post(this.#answers, () => {
      const flow = payloadFlow(call.number);
      const bytes = flow === "in" || status < 0 ? 0 : flow === "out" ? status % 2 ** 32 : Infinity;
      output.set(call.payload.subarray(0, Math.min(bytes, output.length)));
      answer.settle(status);
    });
  }

  /** Has something arrive after what was posted before it. */
  #post(queue: Message[], arrives: () => void): void {
    const { world, tasks } = this, after = queue.at(-1)?.dueNs ?? 0;
    const dueNs = Math.max(after, world.nowNs + Math.floor(world.random() * MOST_DELAY_NS));
    const message = { dueNs, arrives };
    queue.push(message);
    tasks.spawn((function* () {
      yield* tasks.sleep(dueNs - world.nowNs);
      // None overtakes another.
      while (queue.includes(message)) queue.shift()!.arrives();
    })());
  }

  /** The server dies, and there is another one, with what was kept; the client hears of both. */
  die(): void {
    this.deaths++;
    this.world.revive();
    this.#server = new SocketServer(this.world.near.transport, 1 + this.deaths * HANDLES);
    this.#server.restore();
    this.died();
    this.#post(this.#answers, () => {
      this.state = "down";
      for (const answer of this.#open) answer.settle(LOST);
      this.#open.clear();
    });
    this.#post(this.#answers, () => {
      this.state = "up";
      this.generation++;
      this.changed.wakeAll();
    });
  }
}
