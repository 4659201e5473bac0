// Streams of a program whose socket server is behind a slow ring: calls and answers take their time, in order.
// Whatever the program does, and whenever data comes, it reads every byte once and in order.
import { assert, assertEquals } from "@std/assert";
import { type Coroutine, finish, type Tasks, WaitQueue } from "../../coroutine.ts";
import { E, Errno } from "../../errno.ts";
import { encodeAddress } from "../../network/address.ts";
import { AF, MSG, SHUT, SOCK } from "../../network/constants.ts";
import type { StreamEndpoint } from "../../network/endpoint.ts";
import type { SimulatedDevice } from "../../network/tcpip/testing/simulated_link.ts";
import { errnoOf } from "../../network/tcpip/testing/transfer.ts";
import { at, FAR, World } from "../../network/tcpip/testing/world.ts";
import { LOST } from "../../remote/transport/connection.ts";
import { type ServerConnection, SocketClient } from "../../remote/interfaces/sockets.ts";
import { POLL } from "../../vfs/constants.ts";
import type { InternetSocket } from "./internet_socket.ts";
import { InternetSockets } from "./internet_sockets.ts";
import { openInternet } from "./open_internet.ts";
import { incoming } from "./socket.ts";
import { ClientDomain, credential, nobody } from "./testing/client_domain.ts";

const PORT = 80;

/** A program's socket, connected to the far host. */
class Connected extends ClientDomain {
  /** of whatever else goes on */
  readonly tasks: Tasks;
  readonly socket: InternetSocket;
  readonly far: StreamEndpoint;

  constructor(seed: number) {
    super({ seed, delayNs: 20_000 });
    this.tasks = this.world.environment({} as SimulatedDevice).tasks;
    const listener = this.world.far.listen(PORT);
    this.socket = this.open();
    this.result(this.socket.connect(nobody, encodeAddress(at(FAR, PORT))));
    let far: StreamEndpoint | undefined;
    this.world.run(() => errnoOf(() => far = listener.accept()) === 0);
    this.far = far!;
  }

  /** The far host sends all of it, in pieces and at moments of its own. */
  *farSends(data: Uint8Array): Coroutine<void> {
    const { tasks, world: { random } } = this;
    for (let sent = 0; sent < data.length;) {
      const size = Math.floor(random() ** 3 * 30_000) + 1;
      const piece = data.subarray(sent, sent + size);
      if (errnoOf(() => sent += this.far.send(piece, 0)) !== 0) yield* tasks.sleep(100_000);
      while (errnoOf(() => this.far.receive(new Uint8Array(1000), 0)) === 0);
      if (random() < 0.7) yield* tasks.sleep(Math.floor(random() ** 2 * 1e6));
    }
    this.far.shutdown(SHUT.WR);
  }

  /** Reads to the end in whatever ways there are, and sends now and then. */
  *readAll(total: number): Coroutine<Uint8Array> {
    const { socket, world: { random }, environment: { tasks } } = this;
    const all = new Uint8Array(total);
    for (let done = 0;;) {
      const into = new Uint8Array(Math.floor(random() ** 2 * 20_000) + 1);
      const choice = Math.floor(random() * 7);
      if (choice === 0) yield* tasks.sleep(Math.floor(random() * 1e6));
      else if (choice === 1) {
        yield* finish(socket.write(new Uint8Array(Math.floor(random() * 100) + 1)));
      } else if (choice === 2) yield* this.#agrees();
      else {
        const flags = [0, MSG.WAITALL, MSG.DONTWAIT, MSG.PEEK][choice - 3];
        const count = yield* this.#received(into, flags);
        if (count === undefined) continue;
        const wanted = flags === MSG.WAITALL ? Math.min(into.length, total - done) : 1;
        assert(count >= Math.min(wanted, total - done), `${count} of ${wanted} bytes`);
        if (flags === MSG.PEEK) continue;
        all.set(into.subarray(0, count), done);
        done += count;
        if (count === 0) return all;
      }
    }
  }

  *#received(into: Uint8Array, flags: number): Coroutine<number | undefined> {
    try {
      const parts = [into.subarray(0, 1), into.subarray(1)];
      return yield* finish(this.socket.receive(incoming(parts), flags));
    } catch (failure) {
      if (failure instanceof Errno && failure.errno === E.EAGAIN) return undefined;
      throw failure;
    }
  }

  /** What poll(2) and FIONREAD say, and what a look at the data finds, go together. */
  *#agrees(): Coroutine<void> {
    const bytes = yield* this.socket.available();
    if (bytes === 0) return;
    assert(
      (this.socket.poll(POLL.IN) & POLL.IN) !== 0,
      `${bytes} bytes that poll knows nothing of`,
    );
    const into = new Uint8Array(bytes);
    const look = this.socket.receive(incoming([into]), MSG.PEEK | MSG.DONTWAIT);
    const peeked = yield* finish(look);
    assert(peeked > 0, "bytes that nobody sees");
  }
}

Deno.test("a stream is read whole and in order, whatever comes ahead of whom", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const connected = new Connected(seed), { random } = connected.world;
    const data = Uint8Array.from(
      { length: Math.floor(random() * 200_000) + 1 },
      (_, index) => index * 31 + (index >> 8),
    );
    connected.tasks.spawn(connected.farSends(data));
    const read = connected.result(connected.readAll(data.length));
    assertEquals(read, data, `seed ${seed}`);
  }
});

Deno.test("who looks at more of a stream than has come sees the rest once it is there", () => {
  const connected = new Connected(1), { world, socket } = connected;
  for (const text of ["first ", "second"]) {
    connected.far.send(new TextEncoder().encode(text), 0);
    // Longer than an acknowledgement is delayed, for which the second waits (RFC 896).
    world.pass(100e6);
  }
  const look = (flags: number) => {
    const into = new Uint8Array(100);
    const count = connected.result(finish(socket.receive(incoming([into]), flags)));
    return new TextDecoder().decode(into.subarray(0, count));
  };
  assertEquals(look(MSG.PEEK), "first second");
  assertEquals(look(MSG.PEEK), "first second");
  assertEquals([look(0), socket.poll(POLL.IN)], ["first second", 0]);
});

Deno.test("where there will be no other server, calls fail and nothing goes on asking", () => {
  const world = new World({ seed: 1 });
  const environment = world.environment({} as SimulatedDevice);
  let calls = 0;
  const gone: ServerConnection = {
    state: "gone",
    generation: 1,
    changed: new WaitQueue(),
    maxPayloadBytes: 100_000,
    begin: () => undefined,
    *call() {
      assert(++calls < 100, "it asks for ever");
      return LOST;
    },
  };
  const sockets = new InternetSockets(
    environment,
    new SocketClient(gone, "retry", environment.tasks),
  );
  const open = openInternet(sockets, credential, AF.INET, SOCK.STREAM, 0, 0);
  let failed: unknown, settled = false;
  environment.tasks.spawn(open, (_value, failure) => failed = failure);
  environment.tasks.spawn(sockets.settled(), () => settled = true);
  world.pass(1e9);
  assertEquals([(failed as Errno).errno, settled, environment.tasks.idle], [
    E.ENETDOWN,
    true,
    true,
  ]);
});

Deno.test("what came ahead is read although the connection was reset since", () => {
  const connected = new Connected(1), { world, socket } = connected;
  connected.far.send(Uint8Array.of(1, 2, 3), 0);
  world.pass(10e6);
  connected.far.close(true);
  world.pass(10e6);
  const read = () => connected.result(finish(socket.receive(incoming([new Uint8Array(10)]), 0)));
  assertEquals(read(), 3);
  assertEquals(errnoOf(read), E.ECONNRESET);
});
