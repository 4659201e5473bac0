// Listening ports: queues and their limits, floods, many connections, shared ports, both IP versions.
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { E } from "../../../errno.ts";
import { IPV6, SO, SOL, TCP } from "../../constants.ts";
import type { StreamEndpoint } from "../../endpoint.ts";
import { intBytes } from "../socket_options.ts";
import { at, FAR, FAR_6, World } from "../testing/world.ts";
import { ACK, RawPeer, SYN } from "../testing/raw_peer.ts";
import { errnoOf, join } from "../testing/transfer.ts";
import { State } from "./state.ts";

const yes = intBytes(1);

Deno.test("two thousand connections come and go", () => {
  const world = new World({ delayNs: 1e6 });
  const listener = world.far.listen(80, false, 4096);
  const clients: StreamEndpoint[] = [];
  for (let count = 0; count < 2000; count++) {
    const client = world.near.tcp();
    client.connect(at(FAR, 80));
    clients.push(client);
  }
  const servers: StreamEndpoint[] = [];
  assert(world.run(() => {
    while ((listener.readiness & 1) !== 0) servers.push(listener.accept());
    return servers.length === 2000 && clients.every((each) => !each.connecting);
  }, 60e9));
  for (const [index, client] of clients.entries()) client.send(intBytes(index), 0);
  const seen = new Set<number>();
  const buffer = new Uint8Array(4);
  assert(world.run(() => {
    for (const server of servers) {
      if (server.queuedIn < 4) continue;
      server.receive(buffer, 0);
      seen.add(new DataView(buffer.buffer).getInt32(0, true));
    }
    return seen.size === 2000;
  }, 60e9));
  for (const each of [...clients, ...servers]) each.close();
  world.pass(5e9);
  const states = new Set(world.near.transport.sockets().map(({ state }) => state));
  assertEquals([...states], [State.TIME_WAIT]);
  world.pass(61e9);
  assertEquals(world.near.stack.tcp.flows.size + world.far.stack.tcp.flows.size, 0);
});

Deno.test("ports are chosen from the whole ephemeral range, and twice for different places", () => {
  const world = new World();
  world.far.listen(80);
  const ports: number[] = [];
  for (let count = 0; count < 200; count++) {
    const client = world.near.tcp();
    client.connect(at(FAR, 80));
    ports.push(client.local.port);
  }
  assertEquals(new Set(ports).size, 200);
  assertLess(Math.min(...ports), 36_000);
  assertGreater(Math.max(...ports), 57_000);
  assert(ports.every((port) => port >= 32_768 && port <= 60_999));
});

Deno.test("a flood of SYNs takes bounded memory and does not keep others out", () => {
  const world = new World({ delayNs: 1e5 });
  const peer = new RawPeer(world, 9);
  const listener = world.near.listen(80, false, 16);
  for (let count = 0; count < 20_000; count++) {
    peer.send({ flags: SYN, seq: count, ack: 0, from: 1 + count % 60_000, to: 80 });
    if (count % 100 === 0) world.pass(1e6);
    assertLess(world.near.stack.tcp.flows.size, 300);
  }
  world.pass(1e6);
  peer.seen.length = 0;
  peer.send({ flags: SYN, seq: 5, ack: 0, from: 65_000, to: 80 });
  const answer = peer.take().find(({ to }) => to === 65_000)!;
  peer.send({ flags: ACK, seq: 6, ack: answer.seq + 1, from: 65_000, to: 80 });
  peer.take();
  assertEquals(listener.accept().peer?.port, 65_000);
  world.pass(100e9);
  assertEquals(world.near.stack.tcp.flows.size, 1);
});

Deno.test("the queue of accept holds one more than the backlog; others come in when there is room", () => {
  const world = new World({ delayNs: 1e6 });
  const listener = world.far.listen(80, false, 2);
  const clients = Array.from({ length: 6 }, () => {
    const client = world.near.tcp();
    client.connect(at(FAR, 80));
    return client;
  });
  world.pass(0.5e9);
  let accepted = 0;
  while (errnoOf(() => listener.accept()) === 0) accepted++;
  assertEquals(accepted, 3);
  assert(world.run(() => {
    while (errnoOf(() => listener.accept()) === 0) accepted++;
    return accepted === 6;
  }, 20e9));
  assert(clients.every((each) => !each.connecting));
});

Deno.test("closing a listener resets what waits", () => {
  const world = new World({ delayNs: 1e6 });
  const listener = world.far.listen(80);
  const client = world.near.tcp();
  client.connect(at(FAR, 80));
  world.pass(1e8);
  listener.close();
  world.pass(1e8);
  assertEquals(client.takeError(), E.ECONNRESET);
  const late = world.near.tcp();
  late.connect(at(FAR, 80));
  world.pass(1e8);
  assertEquals(late.takeError(), E.ECONNREFUSED);
});

Deno.test("TCP_DEFER_ACCEPT waits for data", () => {
  const world = new World({ delayNs: 1e6 });
  const listener = world.far.tcp();
  listener.bind(at("0.0.0.0", 80));
  listener.setOption(SOL.TCP, TCP.DEFER_ACCEPT, intBytes(10));
  listener.listen(8);
  const client = world.near.tcp();
  client.connect(at(FAR, 80));
  world.pass(0.5e9);
  assertEquals([client.connecting, listener.readiness], [false, 0]);
  client.send(Uint8Array.of(1), 0);
  world.pass(0.5e9);
  assertEquals(listener.accept().queuedIn, 1);
});

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

Deno.test("TCP_INFO and the list of sockets tell what is so", () => {
  const world = new World({ delayNs: 5e6 });
  const listener = world.far.listen(80);
  const client = world.near.tcp();
  const server = join(world, client, listener, at(FAR, 80));
  client.send(new Uint8Array(1000), 0);
  world.pass(1e9);
  const info = client.getOption(SOL.TCP, TCP.INFO);
  const view = new DataView(info.buffer);
  assertEquals([info.length, info[0], info[5], info[6]], [104, 1, 7, 0x77]);
  assertEquals([view.getUint32(16, true), view.getUint32(60, true)], [1448, 1500]);
  const roundTripMs = view.getUint32(68, true) / 1000;
  assertGreater(roundTripMs, 9);
  assertLess(roundTripMs, 60);
  const rows = world.far.transport.sockets();
  assertEquals(rows.map(({ protocol, state, queuedIn }) => [protocol, state, queuedIn]), [
    ["tcp", State.LISTEN, 0],
    ["tcp", State.ESTABLISHED, 1000],
  ]);
  assertEquals(rows[1].peer, server.peer);
});
