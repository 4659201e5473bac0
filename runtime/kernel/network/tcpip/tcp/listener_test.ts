// Listening ports: queues and their limits, floods, many connections.
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { E } from "../../../errno.ts";
import { SOL, TCP } from "../../constants.ts";
import type { StreamEndpoint } from "../../endpoint.ts";
import { intBytes } from "../socket_options.ts";
import { at, FAR, World } from "../testing/world.ts";
import { ACK, RawPeer, SYN } from "../testing/raw_peer.ts";
import { errnoOf, join } from "../testing/transfer.ts";
import { State } from "./state.ts";

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

Deno.test("a SYN is compared with those who listen, and not with the connections of their port", () => {
  const world = new World();
  const { far, near } = world;
  const listener = far.listen(80);
  join(world, near.tcp(), listener, at(FAR, 80));
  let compared = 0;
  const holders = far.stack.tcp.ports.holders.bind(far.stack.tcp.ports);
  far.stack.tcp.ports.holders = (port) => {
    compared += holders(port)?.size ?? 0;
    return holders(port);
  };
  const client = near.tcp();
  client.connect(at(FAR, 80));
  world.pass(1e6);
  assertEquals([client.connecting, compared], [false, 0]);
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
