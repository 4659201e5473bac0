// Connections that the server accepted before a program asked: what becomes of them, and how many there are.
import { assertEquals } from "@std/assert";
import { finish } from "../../coroutine.ts";
import { E } from "../../errno.ts";
import { encodeAddress } from "../../network/address.ts";
import { SHUT } from "../../network/constants.ts";
import type { StreamEndpoint } from "../../network/endpoint.ts";
import { SocketCall } from "../../network/protocol.ts";
import { errnoOf } from "../../network/tcpip/testing/transfer.ts";
import { at, NEAR } from "../../network/tcpip/testing/world.ts";
import { O, POLL } from "../../vfs/constants.ts";
import type { InternetSocket } from "./internet_socket.ts";
import { ClientDomain, nobody } from "./testing/client_domain.ts";

const PORT = 80;

function connect({ world }: ClientDomain, count: number): StreamEndpoint[] {
  return Array.from({ length: count }, () => {
    const end = world.far.tcp();
    end.connect(at(NEAR, PORT));
    return end;
  });
}

const errorOf = (end: StreamEndpoint) => errnoOf(() => end.receive(new Uint8Array(1), 0));

Deno.test("who closes a socket that listens refuses the connections that nobody asked for", () => {
  // The news comes before, after or while the socket is closed.
  for (const laterNs of [10e6, 1e6, 300e3, 100e3, 0]) {
    const program = new ClientDomain({ seed: 1, delayNs: 20_000 }), { world } = program;
    const listener = program.listen(PORT, O.NONBLOCK), ends = connect(program, 3);
    world.pass(laterNs);
    program.result(finish(listener.release()));
    world.pass(3e9);
    for (const end of ends) {
      const error = errorOf(end);
      assertEquals(error === E.ECONNRESET || error === E.ECONNREFUSED, true, `${error}`);
    }
  }
});

Deno.test("who shuts a socket that listens refuses them, too", () => {
  const program = new ClientDomain({ seed: 1, delayNs: 20_000 }), { world } = program;
  const listener = program.listen(PORT, O.NONBLOCK), ends = connect(program, 3);
  world.run(() => listener.poll(POLL.IN) !== 0);
  world.pass(1e6);
  program.result(listener.shutdown(SHUT.RD));
  world.pass(1e9);
  assertEquals(ends.map(errorOf), [E.ECONNRESET, E.ECONNRESET, E.ECONNRESET]);
});

Deno.test("few come ahead where the backlog is short, and all who connect are accepted once", () => {
  const program = new ClientDomain({ seed: 1, delayNs: 20_000 }), { world, asked } = program;
  const listener = program.open();
  program.result(listener.bind(nobody, encodeAddress(at(NEAR, PORT))));
  program.result(listener.listen(nobody, 8));
  const ends = connect(program, 20);
  world.pass(30e6);
  asked.length = 0;
  const accepted: InternetSocket[] = [], ports: number[] = [];
  for (let count = 0; count < ends.length; count++) {
    const { socket, address } = program.result(listener.accept(0));
    accepted.push(socket as InternetSocket);
    ports.push(address[2] << 8 | address[3]);
  }
  assertEquals(ports.sort(), ends.map((end) => end.local.port).sort());
  const asking = () => asked.splice(0).filter((number) => number === SocketCall.ACCEPT).length;
  // A quarter of the backlog came ahead; the program has used none of them.
  assertEquals(asking(), ends.length - 2);
  for (const socket of accepted) program.result(finish(socket.write(Uint8Array.of(1))));
  connect(program, 2);
  world.pass(30e6);
  program.result(listener.accept(0));
  program.result(listener.accept(0));
  assertEquals(asking(), 0);
});
