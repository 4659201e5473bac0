// Sockets whose server dies behind a slow ring: what they were is what they are on the next one, and what
// nobody can go on with is at its end.
import { assertEquals } from "@std/assert";
import { finish } from "../../coroutine.ts";
import { E } from "../../errno.ts";
import { encodeAddress } from "../../network/address.ts";
import { SO, SOCK, SOL } from "../../network/constants.ts";
import { SocketCall } from "../../network/protocol.ts";
import { CHECKPOINT_BYTES } from "../../network/tcpip/tcp/checkpoint.ts";
import { errnoOf } from "../../network/tcpip/testing/transfer.ts";
import { at, NEAR } from "../../network/tcpip/testing/world.ts";
import { POLL } from "../../vfs/constants.ts";
import { getInt } from "../little_endian.ts";
import type { InternetSocket } from "./internet_socket.ts";
import { ClientDomain, nobody } from "./testing/client_domain.ts";

const PORT = 80;
const address = encodeAddress(at(NEAR, PORT));
const NODELAY = 1;
const on = Uint8Array.of(1, 0, 0, 0), off = Uint8Array.of(0, 0, 0, 0);
const SETTLE_NS = 50e6;

class Program extends ClientDomain {
  /** @param keeps whether connections outlive their server */
  constructor(keeps: boolean) {
    const keep = keeps ? new Uint8Array(new SharedArrayBuffer(CHECKPOINT_BYTES)) : undefined;
    super({ seed: 1, keep });
  }

  /** Lets what is under way come to its end. */
  settle(): void {
    const { tasks } = this.environment;
    this.result((function* () {
      yield* tasks.sleep(SETTLE_NS);
    })());
  }

  die(): void {
    this.ring.die();
    this.settle();
  }

  option(socket: InternetSocket, level: number, name: number): number {
    return getInt(this.result(finish(socket.option(level, name))), 0);
  }
}

Deno.test("a connection has the options of who listened for it, on the next server, too", () => {
  const program = new Program(true);
  const listener = program.listen(PORT);
  program.result(finish(listener.setOption(SOL.TCP, NODELAY, on)));
  const client = program.open();
  program.result(client.connect(nobody, address));
  const { socket } = program.result(listener.accept(0));
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
    const listener = program.listen(PORT);
    const client = program.open(nonblocking ? SOCK.NONBLOCK : 0);
    const connected = errnoOf(() => program.result(client.connect(nobody, address)));
    assertEquals(connected, nonblocking ? E.EINPROGRESS : 0);
    program.result(listener.accept(0));
    assertEquals(program.option(client, SOL.SOCKET, SO.ERROR), 0);
    program.result(finish(client.write(Uint8Array.of(1, 2, 3))));
    program.settle();
    program.die();
    assertEquals(
      errnoOf(() => program.result(finish(client.write(Uint8Array.of(4))))),
      E.ECONNRESET,
    );
  });
}

Deno.test("a socket whose connection was given up is as it was before it had one", () => {
  const program = new Program(true);
  const socket = program.open();
  program.result(socket.bind(nobody, address));
  program.result(socket.connect(nobody, new Uint8Array(16)));
  program.die();
  const { port } = at(NEAR, PORT);
  const name = program.result(socket.localName());
  assertEquals(name[2] << 8 | name[3], port);
  program.result(socket.listen(nobody, 4));
});

Deno.test("a socket that listens is ready for nothing on the next server before somebody connects", () => {
  const program = new Program(true);
  const listener = program.listen(PORT);
  assertEquals(listener.poll(-1), 0);
  program.die();
  assertEquals(listener.poll(-1), 0);
  const client = program.open(SOCK.NONBLOCK);
  assertEquals(errnoOf(() => program.result(client.connect(nobody, address))), E.EINPROGRESS);
  program.settle();
  assertEquals(listener.poll(-1), POLL.IN);
});

Deno.test("options that are set again and again are set once on the next server", () => {
  const program = new Program(true);
  const listener = program.listen(PORT);
  for (let round = 0; round < 50; round++) {
    program.result(finish(listener.setOption(SOL.TCP, NODELAY, round % 2 === 0 ? on : off)));
    program.result(finish(listener.setOption(SOL.SOCKET, SO.KEEPALIVE, on)));
  }
  program.result(finish(listener.setOption(SOL.TCP, NODELAY, on)));
  program.asked.length = 0;
  program.die();
  assertEquals(program.asked.filter((number) => number === SocketCall.SETSOCKOPT).length, 2);
  assertEquals(program.option(listener, SOL.TCP, NODELAY), 1);
  assertEquals(program.option(listener, SOL.SOCKET, SO.KEEPALIVE), 1);
});
