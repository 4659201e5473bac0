// Who may have which port at the same time, or after each other, and what misuse is told.
import { assertEquals, assertGreater } from "@std/assert";
import { E } from "../../../errno.ts";
import { IPV6, SO, SOL } from "../../constants.ts";
import { intBytes } from "../socket_options.ts";
import { at, FAR, FAR_6, World } from "../testing/world.ts";
import { errnoOf, join } from "../testing/transfer.ts";
import { State } from "./state.ts";

const yes = intBytes(1);

Deno.test("listeners with SO_REUSEPORT share connections evenly", () => {
  const world = new World({ delayNs: 1e5 });
  const listeners = Array.from({ length: 4 }, () => {
    const listener = world.far.tcp();
    listener.setOption(SOL.SOCKET, SO.REUSEPORT, yes);
    listener.bind(at("0.0.0.0", 80));
    listener.listen(1000);
    return listener;
  });
  const alone = world.far.tcp();
  assertEquals(errnoOf(() => alone.bind(at("0.0.0.0", 80))), E.EADDRINUSE);
  for (let count = 0; count < 400; count++) world.near.tcp().connect(at(FAR, 80));
  world.pass(1e9);
  const counts = listeners.map((listener) => {
    let count = 0;
    while (errnoOf(() => listener.accept()) === 0) count++;
    return count;
  });
  assertEquals(counts.reduce((sum, count) => sum + count), 400);
  for (const count of counts) assertGreater(count, 50, `${counts}`);
});

Deno.test("SO_REUSEADDR lets a server come back while old connections are in TIME-WAIT", () => {
  const world = new World({ delayNs: 1e5 });
  const client = world.far.tcp();
  const first = world.near.tcp();
  first.bind(at("0.0.0.0", 80));
  first.listen(5);
  const server = join(world, client, first, at("10.0.0.1", 80));
  server.close();
  first.close();
  world.run(() => (client.readiness & 1) !== 0);
  client.close();
  world.pass(1e9);
  assertEquals(world.near.transport.sockets().map(({ state }) => state), [State.TIME_WAIT]);
  const second = world.near.tcp();
  assertEquals(errnoOf(() => second.bind(at("0.0.0.0", 80))), E.EADDRINUSE);
  // The old connection must have had the option too, as on Linux.
  second.setOption(SOL.SOCKET, SO.REUSEADDR, yes);
  assertEquals(errnoOf(() => second.bind(at("0.0.0.0", 80))), E.EADDRINUSE);
  world.pass(61e9);
  second.bind(at("0.0.0.0", 80));
  second.listen(5);
  const other = world.far.tcp();
  join(world, other, second, at("10.0.0.1", 80)).close();
  second.close();
  world.run(() => (other.readiness & 1) !== 0);
  other.close();
  world.pass(1e9);
  const third = world.near.tcp();
  third.setOption(SOL.SOCKET, SO.REUSEADDR, yes);
  third.bind(at("0.0.0.0", 80));
  third.listen(5);
  const fourth = world.near.tcp();
  fourth.setOption(SOL.SOCKET, SO.REUSEADDR, yes);
  assertEquals(errnoOf(() => fourth.bind(at("0.0.0.0", 80))), E.EADDRINUSE);
});

Deno.test("ports in TIME-WAIT lead to the same place again after a second, given timestamps", () => {
  for (const timestamps of [true, false]) {
    const world = new World({ delayNs: 1e5, features: { timestamps } });
    const listener = world.far.listen(80);
    const connect = () => {
      const client = world.near.tcp();
      client.setOption(SOL.SOCKET, SO.REUSEADDR, yes);
      client.bind(at("10.0.0.1", 1000));
      return client;
    };
    const first = connect();
    const server = join(world, first, listener, at(FAR, 80));
    first.close();
    world.pass(1e8);
    server.close();
    world.pass(1e8);
    assertEquals(errnoOf(() => connect().connect(at(FAR, 80))), E.EADDRNOTAVAIL);
    world.pass(1.1e9);
    const again = connect();
    if (timestamps) join(world, again, listener, at(FAR, 80));
    else assertEquals(errnoOf(() => again.connect(at(FAR, 80))), E.EADDRNOTAVAIL);
  }
});

Deno.test("a socket of IPv6 takes IPv4 too, unless IPV6_V6ONLY is set", () => {
  const world = new World({ delayNs: 1e5 });
  const both = world.far.listen(80, true);
  const client = world.near.tcp();
  const server = join(world, client, both, at(FAR, 80));
  assertEquals(server.peer?.ip, at("::ffff:10.0.0.1", 0).ip);
  assertEquals(server.local.ip, at("::ffff:10.0.0.2", 0).ip);
  const four = world.far.tcp();
  assertEquals(errnoOf(() => four.bind(at("0.0.0.0", 80))), E.EADDRINUSE);
  const only = world.far.tcp(true);
  only.setOption(SOL.IPV6, IPV6.V6ONLY, yes);
  only.bind(at("::", 81));
  only.listen(5);
  four.bind(at("0.0.0.0", 81));
  four.listen(5);
  const outward = world.near.tcp(true);
  const mapped = join(world, outward, four, at("::ffff:10.0.0.2", 81));
  assertEquals(mapped.peer?.ip, at("10.0.0.1", 0).ip);
  const six = world.near.tcp(true);
  assertEquals(join(world, six, only, at(FAR_6, 81)).peer?.ip, at("fd00::1", 0).ip);
  const strict = world.near.tcp(true);
  strict.setOption(SOL.IPV6, IPV6.V6ONLY, yes);
  assertEquals(errnoOf(() => strict.connect(at("::ffff:10.0.0.2", 80))), E.ENETUNREACH);
});

Deno.test("misuse gets the errors of Linux", () => {
  const world = new World();
  const socket = world.near.tcp();
  const buffer = new Uint8Array(4);
  assertEquals(errnoOf(() => socket.send(buffer, 0)), E.EPIPE);
  assertEquals(errnoOf(() => socket.receive(buffer, 0)), E.ENOTCONN);
  assertEquals(errnoOf(() => socket.shutdown(2)), E.ENOTCONN);
  assertEquals(errnoOf(() => socket.accept()), E.EINVAL);
  assertEquals(errnoOf(() => socket.bind(at("10.0.0.99", 80))), E.EADDRNOTAVAIL);
  assertEquals(errnoOf(() => socket.bind(at("fd00::1", 80))), E.EAFNOSUPPORT);
  assertEquals(errnoOf(() => socket.setOption(SOL.TCP, 999, yes)), E.ENOPROTOOPT);
  assertEquals(errnoOf(() => socket.getOption(SOL.SOCKET, 999)), E.ENOPROTOOPT);
  assertEquals(errnoOf(() => socket.setOption(SOL.IPV6, IPV6.V6ONLY, yes)), E.ENOPROTOOPT);
  socket.bind(at("10.0.0.1", 80));
  assertEquals(errnoOf(() => socket.bind(at("10.0.0.1", 81))), E.EINVAL);
  socket.listen(1);
  assertEquals(errnoOf(() => socket.connect(at(FAR, 80))), E.EISCONN);
  assertEquals(errnoOf(() => socket.receive(buffer, 0)), E.ENOTCONN);
  assertEquals(socket.readiness, 0);
  assertEquals(world.near.tcp().readiness, 4 | 16);
  assertEquals(errnoOf(() => world.near.tcp().connect(at("192.0.2.1", 80))), 0);
  assertEquals(errnoOf(() => world.near.tcp(true).connect(at("2001:db8::1", 80))), E.ENETUNREACH);
});
