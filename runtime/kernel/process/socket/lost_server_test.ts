// Sockets whose server dies behind a slow ring: what they were is what they are on the next one, and what
// nobody can go on with is at its end.
import { assert, assertEquals } from "@std/assert";
import { type Coroutine, finish } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, Errno } from "../../errno.ts";
import { encodeAddress } from "../../network/address.ts";
import { AF, SO, SOCK, SOL } from "../../network/constants.ts";
import { SocketCall } from "../../network/protocol.ts";
import { CHECKPOINT_BYTES } from "../../network/tcpip/tcp/checkpoint.ts";
import type { SimulatedDevice } from "../../network/tcpip/testing/simulated_link.ts";
import { at, NEAR, World } from "../../network/tcpip/testing/world.ts";
import { SocketClient } from "../../remote/sockets.ts";
import type { ServiceCall } from "../../service.ts";
import { getInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { InternetSocket } from "./internet_socket.ts";
import { InternetSockets } from "./internet_sockets.ts";
import { SlowRing } from "./testing/slow_ring.ts";

const nobody = undefined as unknown as Process;
const credential = { uid: 0, gid: 0, groups: [] };
const address = encodeAddress(at(NEAR, 80));
const NODELAY = 1;
const on = Uint8Array.of(1, 0, 0, 0), off = Uint8Array.of(0, 0, 0, 0);
const SETTLE_NS = 50e6;

class Program {
  readonly world: World;
  readonly environment: Environment;
  readonly ring: SlowRing;
  /** numbers of the calls that crossed */
  readonly asked: number[] = [];
  readonly #sockets: InternetSockets;

  /** @param keeps whether connections outlive their server */
  constructor(keeps: boolean) {
    const keep = keeps ? new Uint8Array(new SharedArrayBuffer(CHECKPOINT_BYTES)) : undefined;
    this.world = new World({ seed: 1, keep });
    const { asked } = this;
    class Noted extends SlowRing {
      override call(call: ServiceCall): Coroutine<number> {
        asked.push(call.number);
        return super.call(call);
      }
    }
    const clock = () => this.world.environment({} as SimulatedDevice);
    this.environment = clock();
    this.ring = new Noted(this.world, clock().tasks);
    this.#sockets = new InternetSockets(this.environment, new SocketClient(this.ring, "retry"));
  }

  run<T>(program: Coroutine<T>): T {
    let result: T | undefined, over = false, failed: unknown;
    this.environment.tasks.spawn(program, (value, failure) => {
      [result, failed, over] = [value, failure, true];
    });
    assert(this.world.run(() => over), "the program came to no end");
    if (failed !== undefined) throw failed;
    return result!;
  }

  /** @returns the error that a program ends with, 0 for none */
  errno(program: Coroutine<unknown>): number {
    try {
      this.run(program);
      return 0;
    } catch (failure) {
      if (failure instanceof Errno) return failure.errno;
      throw failure;
    }
  }

  open(flags = 0): InternetSocket {
    const { STREAM } = SOCK;
    return this.run(InternetSocket.open(this.#sockets, credential, AF.INET, STREAM, 0, flags));
  }

  listening(): InternetSocket {
    const listener = this.open();
    this.run(listener.bind(nobody, address));
    this.run(listener.listen(nobody, 4));
    return listener;
  }

  settle(): void {
    const { tasks } = this.environment;
    this.run((function* () {
      yield* tasks.sleep(SETTLE_NS);
    })());
  }

  die(): void {
    this.ring.die();
    this.settle();
  }

  option(socket: InternetSocket, level: number, name: number): number {
    return getInt(this.run(finish(socket.option(level, name))), 0);
  }
}

Deno.test("a connection has the options of who listened for it, on the next server, too", () => {
  const program = new Program(true);
  const listener = program.listening();
  program.run(finish(listener.setOption(SOL.TCP, NODELAY, on)));
  const client = program.open();
  program.run(client.connect(nobody, address));
  const { socket } = program.run(listener.accept(0));
  const accepted = socket as InternetSocket;
  program.die();
  assertEquals(program.option(accepted, SOL.TCP, NODELAY), 1);
  assertEquals(program.option(listener, SOL.TCP, NODELAY), 1);
  assertEquals(program.option(client, SOL.TCP, NODELAY), 0);
});

for (const nonblocking of [false, true]) {
  const how = nonblocking ? "a non-blocking" : "a blocking";
  Deno.test(`a connection by ${how} connect is not made anew where it was in use`, () => {
    const program = new Program(false);
    const listener = program.listening();
    const client = program.open(nonblocking ? SOCK.NONBLOCK : 0);
    const connected = program.errno(client.connect(nobody, address));
    assertEquals(connected, nonblocking ? E.EINPROGRESS : 0);
    program.run(listener.accept(0));
    assertEquals(program.option(client, SOL.SOCKET, SO.ERROR), 0);
    program.run(finish(client.write(Uint8Array.of(1, 2, 3))));
    program.settle();
    program.die();
    assertEquals(program.errno(finish(client.write(Uint8Array.of(4)))), E.ECONNRESET);
  });
}

Deno.test("a socket whose connection was given up is as it was before it had one", () => {
  const program = new Program(true);
  const socket = program.open();
  program.run(socket.bind(nobody, address));
  program.run(socket.connect(nobody, new Uint8Array(16)));
  program.die();
  const { port } = at(NEAR, 80);
  const name = program.run(socket.localName());
  assertEquals(name[2] << 8 | name[3], port);
  program.run(socket.listen(nobody, 4));
});

Deno.test("options that are set again and again are set once on the next server", () => {
  const program = new Program(true);
  const listener = program.listening();
  for (let round = 0; round < 50; round++) {
    program.run(finish(listener.setOption(SOL.TCP, NODELAY, round % 2 === 0 ? on : off)));
    program.run(finish(listener.setOption(SOL.SOCKET, SO.KEEPALIVE, on)));
  }
  program.run(finish(listener.setOption(SOL.TCP, NODELAY, on)));
  program.asked.length = 0;
  program.die();
  assertEquals(program.asked.filter((number) => number === SocketCall.SETSOCKOPT).length, 2);
  assertEquals(program.option(listener, SOL.TCP, NODELAY), 1);
  assertEquals(program.option(listener, SOL.SOCKET, SO.KEEPALIVE), 1);
});
