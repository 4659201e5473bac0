// What a program's calls on streams ask the server of the network, behind a slow ring: what its kernel knows it
// answers by itself, and what cannot fail nobody waits for.
import { assertEquals } from "@std/assert";
import type { Coroutine } from "../../coroutine.ts";
import { finish } from "../../coroutine.ts";
import { E, type Errno } from "../../errno.ts";
import { encodeAddress } from "../../network/address.ts";
import { MSG, SHUT, SO, SOL } from "../../network/constants.ts";
import type { StreamEndpoint } from "../../network/endpoint.ts";
import { SocketCall } from "../../network/protocol.ts";
import type { SimulatedDevice } from "../../network/tcpip/testing/simulated_link.ts";
import { errnoOf } from "../../network/tcpip/testing/transfer.ts";
import { at, FAR, NEAR } from "../../network/tcpip/testing/world.ts";
import { O, POLL } from "../../vfs/constants.ts";
import { getInt } from "../little_endian.ts";
import type { InternetSocket } from "./internet_socket.ts";
import { incoming } from "./socket.ts";
import { ClientDomain, nobody } from "./testing/client_domain.ts";

const PORT = 80;

const domainOf = (seed = 1) => new ClientDomain({ seed, delayNs: 20_000 });
const bytesOf = (text: string) => new TextEncoder().encode(text);

Deno.test("a client's connection takes a call for each of what it does, and waits for two", () => {
  const program = domainOf(), { world, asked } = program;
  const listener = world.far.listen(PORT);
  const address = encodeAddress(at(FAR, PORT));
  const socket = program.open(O.NONBLOCK);
  const connect = () => program.atOnce(socket.connect(nobody, address));
  assertEquals(errnoOf(() => program.result(socket.connect(nobody, address))), E.EINPROGRESS);
  world.run(() => socket.poll(POLL.OUT) !== 0);
  assertEquals(getInt(program.atOnce(finish(socket.option(SOL.SOCKET, SO.ERROR))), 0), 0);
  assertEquals(connect(), 0);
  assertEquals(errnoOf(connect), E.EISCONN);
  const read = (flags = 0) =>
    program.atOnce(finish(socket.receive(incoming([new Uint8Array(100)]), flags | MSG.DONTWAIT)));
  assertEquals(errnoOf(read), E.EAGAIN);
  program.results(finish(socket.write(bytesOf("request"))));
  world.pass(1e6);
  const far = listener.accept();
  assertEquals(far.receive(new Uint8Array(100), 0).count, 7);
  far.send(bytesOf("answer"), 0);
  far.close();
  world.pass(10e6);
  assertEquals([read(MSG.PEEK), read(), read(), read(MSG.PEEK)], [6, 6, 0, 0]);
  assertEquals(program.result(socket.shutdown(SHUT.WR)), 0);
  program.result(finish(socket.release()));
  world.pass(1e9);
  const { SOCKET, CONNECT, SENDTO, SHUTDOWN, CLOSE } = SocketCall;
  assertEquals(asked, [SOCKET, CONNECT, SENDTO, SHUTDOWN, CLOSE]);
});

Deno.test("connections come with the news of them, and none is asked for that is not there", () => {
  const program = domainOf(), { world, asked } = program;
  const listener = program.listen(PORT, O.NONBLOCK);
  const accept = () => program.result(listener.accept(0)).socket as InternetSocket;
  const none = () => assertEquals(errnoOf(() => program.atOnce(listener.accept(0))), E.EAGAIN);
  none();
  for (let count = 0; count < 2; count++) world.far.tcp().connect(at(NEAR, PORT));
  world.pass(10e6);
  asked.length = 0;
  const first = accept();
  accept();
  none();
  assertEquals(asked, []);
  // That it takes data was told with it.
  assertEquals(first.poll(POLL.OUT), POLL.OUT);
  world.far.tcp().connect(at(NEAR, PORT));
  world.pass(10e6);
  const again = program.results(...[1, 2, 3].map(function* () {
    try {
      yield* listener.accept(0);
      return 0;
    } catch (failure) {
      return (failure as Errno).errno;
    }
  }));
  assertEquals([again.sort(), asked], [[0, E.EAGAIN, E.EAGAIN], []]);
});

Deno.test("several who accept, whether they wait or look, forget no connection", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const program = domainOf(seed), { world } = program, { random } = world;
    const listener = program.listen(PORT);
    const { tasks } = program.sockets.environment;
    const total = 40, ends: StreamEndpoint[] = [];
    let accepted = 0;
    const farTasks = world.environment({ far: true } as unknown as SimulatedDevice).tasks;
    farTasks.spawn(function* (): Coroutine<void> {
      while (ends.length < total) {
        const end = world.far.tcp();
        end.connect(at(NEAR, PORT));
        ends.push(end);
        if (random() < 0.6) yield* farTasks.sleep(Math.floor(random() ** 2 * 1e6));
      }
    }());
    const waits = function* (): Coroutine<void> {
      for (;;) {
        yield* listener.accept(0);
        accepted++;
        if (random() < 0.3) yield* tasks.sleep(Math.floor(random() * 1e6));
      }
    };
    const looks = function* (): Coroutine<void> {
      for (;;) {
        // As epoll(7) has it where edges are told: until there is no more, and then not before it is told.
        let told = false;
        const unwatch = listener.readiness.watch(() => told = true);
        try {
          for (;;) {
            listener.flags |= O.NONBLOCK;
            const accepting = listener.accept(0);
            yield* accepting;
            accepted++;
          }
        } catch (failure) {
          assertEquals((failure as Errno).errno, E.EAGAIN);
        }
        while (!told) yield listener.readiness;
        unwatch();
      }
    };
    const programs = seed % 2 === 0 ? [waits(), waits(), waits()] : [looks(), looks()];
    const failures: unknown[] = [];
    for (const each of programs) tasks.spawn(each, (_value, failure) => failures.push(failure));
    world.run(() => accepted === total || failures.length > 0);
    assertEquals([failures, accepted], [[], total], `seed ${seed}`);
  }
});

Deno.test("bytes that SO_RCVLOWAT does not tell of are read all the same", () => {
  const program = domainOf(), { world } = program;
  const listener = world.far.listen(PORT);
  const socket = program.open();
  let far: StreamEndpoint | undefined;
  program.results(socket.connect(nobody, encodeAddress(at(FAR, PORT))));
  world.run(() => errnoOf(() => far = listener.accept()) === 0);
  program.result(finish(socket.setOption(SOL.SOCKET, SO.RCVLOWAT, Uint8Array.of(10, 0, 0, 0))));
  far!.send(bytesOf("few"), 0);
  world.pass(10e6);
  assertEquals(socket.poll(POLL.IN), 0);
  const message = incoming([new Uint8Array(100)]);
  assertEquals(program.result(finish(socket.receive(message, MSG.DONTWAIT))), 3);
});

Deno.test("what is sent comes before the end that nobody waits for, and nothing after", () => {
  const program = domainOf(), { world } = program;
  const listener = program.listen(PORT);
  const far = world.far.tcp();
  const { socket } = program.results(
    listener.accept(0),
    (function* () {
      far.connect(at(NEAR, PORT));
    })() as Coroutine<never>,
  )[0];
  program.result(finish((socket as InternetSocket).write(bytesOf("all"))));
  assertEquals(program.atOnce((socket as InternetSocket).shutdown(SHUT.WR)), 0);
  const late = () => program.result(finish((socket as InternetSocket).write(bytesOf("late"))));
  assertEquals(errnoOf(late), E.EPIPE);
  world.pass(10e6);
  const into = new Uint8Array(100);
  assertEquals([far.receive(into, 0).count, far.receive(into, 0).count], [3, 0]);
});
