// Two programs connect again and again while the server of the network dies at random moments: under `retry`
// each connects, is accepted, and gets what the other sends, and no call has an error.
import { assert, assertEquals } from "@std/assert";
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, type Errno } from "../../errno.ts";
import { encodeAddress } from "../../network/address.ts";
import { AF, SHUT, SOCK } from "../../network/constants.ts";
import type { SimulatedDevice } from "../../network/tcpip/testing/simulated_link.ts";
import { CHECKPOINT_BYTES } from "../../network/tcpip/tcp/checkpoint.ts";
import { at, Death, NEAR, World } from "../../network/tcpip/testing/world.ts";
import { SocketClient } from "../../remote/interfaces/sockets.ts";
import { O, POLL } from "../../vfs/constants.ts";
import type { InternetSocket } from "./internet_socket.ts";
import { InternetSockets } from "./internet_sockets.ts";
import { openInternet } from "./open_internet.ts";
import { credential, nobody } from "./testing/client_domain.ts";
import { SlowRing } from "./testing/slow_ring.ts";

const PORT = 80, ROUNDS = 6, MESSAGES = 5;
const address = encodeAddress(at(NEAR, PORT));

/** @param readings of the clock between two deaths, about */
function meet(seed: number, readings: number, deaths: number): void {
  const keep = new Uint8Array(new SharedArrayBuffer(CHECKPOINT_BYTES));
  const world = new World({ seed, keep });
  const environment = world.environment({} as SimulatedDevice);
  const live = () => {
    const left = Math.floor(world.random() * 2 * readings);
    world.readingsLeft = ring.deaths < deaths ? left : Infinity;
  };
  const ring: SlowRing = new SlowRing(
    world,
    world.environment({} as SimulatedDevice).tasks,
    () => live(),
  );
  live();
  const sockets = new InternetSockets(
    environment,
    new SocketClient(ring, "retry", environment.tasks),
  );
  const open = () => openInternet(sockets, credential, AF.INET, SOCK.STREAM, 0, 0);
  let rounds = 0, accepted = 0, answered = 0;

  function* serve(): Coroutine<void> {
    const listener = yield* open();
    yield* listener.bind(nobody, address);
    yield* listener.listen(nobody, 4);
    environment.tasks.spawn(ask(), ended);
    for (;;) {
      const { socket } = yield* listener.accept(0);
      accepted++;
      environment.tasks.spawn(echo(socket as InternetSocket), ended);
    }
  }

  function* echo(socket: InternetSocket): Coroutine<void> {
    const bytes = new Uint8Array(100);
    for (let count; (count = yield* finish(socket.read(bytes))) > 0;) {
      yield* finish(socket.write(bytes.subarray(0, count)));
      // A program may do with its memory what it likes once the call has returned.
      bytes.fill(255);
    }
    yield* finish(socket.release());
    answered++;
  }

  function* ask(): Coroutine<void> {
    for (; rounds < ROUNDS; rounds++) {
      const socket = yield* open();
      if (rounds % 2 === 0) yield* socket.connect(nobody, address);
      else yield* connectLater(socket);
      const memory = new Uint8Array(100), sent: number[] = [];
      for (let message = 0; message < MESSAGES; message++) {
        const bytes = memory.subarray(0, 4 + message * 20).fill(16 * rounds + message);
        sent.push(...bytes);
        yield* finish(socket.write(bytes));
      }
      memory.fill(255);
      const back = new Uint8Array(sent.length);
      for (let done = 0; done < back.length;) {
        const count = yield* finish(socket.read(back.subarray(done)));
        assert(count > 0, "the connection has ended");
        done += count;
      }
      assertEquals([...back], sent);
      if (rounds % 3 > 0) {
        yield* socket.shutdown(SHUT.WR);
        assertEquals(yield* finish(socket.read(back)), 0);
      }
      yield* finish(socket.release(true));
    }
  }

  /** As programs connect that wait for several things at a time. */
  function* connectLater(socket: InternetSocket): Coroutine<void> {
    const { flags } = socket;
    socket.flags |= O.NONBLOCK;
    for (;;) {
      try {
        yield* socket.connect(nobody, address);
        break;
      } catch (failure) {
        const { errno } = failure as Errno;
        if (errno === E.EISCONN) break;
        if (errno !== E.EINPROGRESS && errno !== E.EALREADY) throw failure;
      }
      while (socket.poll(POLL.OUT) === 0) yield socket.readiness;
    }
    socket.flags = flags;
  }

  const failures: unknown[] = [];
  function ended(_value: unknown, failure: unknown): void {
    if (failure !== undefined) failures.push(failure);
  }

  environment.tasks.spawn(serve(), ended);
  const over = () => failures.length > 0 || rounds === ROUNDS && answered === ROUNDS;
  for (let done = false; !done;) {
    try {
      done = world.run(over);
      assert(done, `${rounds} rounds, ${answered} answered`);
    } catch (failure) {
      if (!(failure instanceof Death)) throw failure;
      ring.die();
    }
  }
  assertEquals(failures, []);
  assertEquals(accepted, ROUNDS);
  assert(ring.deaths > 0);
}

for (const readings of [10, 25, 60]) {
  Deno.test(`who connects and who accepts outlive servers, about ${readings} steps each`, () => {
    for (let seed = 1; seed <= 60; seed++) {
      try {
        meet(seed, readings, 8);
      } catch (failure) {
        throw new Error(`seed ${seed}`, { cause: failure });
      }
    }
  });
}
