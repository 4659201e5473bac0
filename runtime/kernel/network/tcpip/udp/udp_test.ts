// Datagrams: who gets them, what is refused, and what errors come back.
import { assertEquals, assertGreater } from "@std/assert";
import { E } from "../../../errno.ts";
import { IP, IPV6, MSG, SO, SOL } from "../../constants.ts";
import type { Endpoint } from "../../endpoint.ts";
import { parseAddress } from "../ip/address_text.ts";
import { intBytes } from "../socket_options.ts";
import { at, FAR, FAR_6, NEAR, World } from "../testing/world.ts";
import { errnoOf } from "../testing/transfer.ts";

const yes = intBytes(1);

/** What waits at an endpoint, as texts. */
function texts(endpoint: Endpoint): string[] {
  const found: string[] = [];
  const buffer = new Uint8Array(100);
  while ((endpoint.readiness & 1) !== 0) {
    const { count } = endpoint.receive(buffer, 0);
    found.push(new TextDecoder().decode(buffer.subarray(0, count)));
  }
  return found;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("a datagram arrives with its sender, and its answer goes back", () => {
  for (const six of [false, true]) {
    const world = new World({ delayNs: 1e6 });
    const server = world.far.udp(six), client = world.near.udp(six);
    server.bind(at(six ? "::" : "0.0.0.0", 53));
    client.send(bytes("ask"), 0, at(six ? FAR_6 : FAR, 53));
    world.pass(1e9);
    const buffer = new Uint8Array(10);
    const { count, from, flags } = server.receive(buffer, 0);
    assertEquals([count, flags], [3, 0]);
    assertEquals(from, at(six ? "fd00::1" : NEAR, client.local.port));
    server.send(bytes("answer"), 0, from);
    world.pass(1e9);
    assertEquals(texts(client), ["answer"]);
    assertEquals(errnoOf(() => client.receive(buffer, 0)), E.EAGAIN);
  }
});

Deno.test("a connected endpoint hears its peer alone, and hears of a closed port", () => {
  const world = new World({ delayNs: 1e6 });
  const client = world.near.udp(), server = world.far.udp(), stranger = world.far.udp();
  server.bind(at(FAR, 53));
  client.connect(at(FAR, 53));
  stranger.send(bytes("spam"), 0, client.local);
  server.send(bytes("hello"), 0, client.local);
  world.pass(1e9);
  assertEquals(texts(client), ["hello"]);
  server.close();
  client.send(bytes("gone?"), 0);
  world.pass(1e9);
  assertEquals(client.readiness & 8, 8);
  assertEquals(errnoOf(() => client.send(bytes("x"), 0)), E.ECONNREFUSED);
  client.connect(undefined);
  assertEquals(errnoOf(() => client.send(bytes("x"), 0)), E.EDESTADDRREQ);
});

Deno.test("what does not fit is cut, and told", () => {
  const world = new World({ delayNs: 1e6 });
  const server = world.far.udp(), client = world.near.udp();
  server.bind(at(FAR, 53));
  client.connect(at(FAR, 53));
  client.send(new Uint8Array(100).fill(7), 0);
  client.send(new Uint8Array(0), 0);
  world.pass(1e9);
  const small = new Uint8Array(10);
  assertEquals(server.queuedIn, 100);
  assertEquals(server.receive(small, MSG.PEEK | MSG.TRUNC).count, 100);
  const { count, flags } = server.receive(small, 0);
  assertEquals([count, flags], [10, MSG.TRUNC]);
  assertEquals(server.receive(small, 0).count, 0);
  assertEquals(errnoOf(() => client.send(new Uint8Array(65_508), 0)), E.EMSGSIZE);
  assertEquals(client.send(new Uint8Array(65_507), 0), 65_507);
  world.pass(1e9);
  assertEquals(server.queuedIn, 65_507);
});

Deno.test("datagrams that must not be cut are refused when they are too large", () => {
  const world = new World();
  const client = world.near.udp();
  client.setOption(SOL.IP, IP.MTU_DISCOVER, intBytes(2));
  client.connect(at(FAR, 53));
  assertEquals(errnoOf(() => client.send(new Uint8Array(1473), 0)), E.EMSGSIZE);
  assertEquals(client.send(new Uint8Array(1472), 0), 1472);
});

Deno.test("broadcast needs permission, and reaches everybody on the port", () => {
  for (const address of ["255.255.255.255", "10.0.0.255"]) {
    const world = new World({ delayNs: 1e6 });
    const first = world.far.udp(), second = world.far.udp(), client = world.near.udp();
    for (const each of [first, second]) {
      each.setOption(SOL.SOCKET, SO.REUSEADDR, yes);
      each.bind(at("0.0.0.0", 67));
    }
    assertEquals(errnoOf(() => client.send(bytes("all"), 0, at(address, 67))), E.EACCES);
    client.setOption(SOL.SOCKET, SO.BROADCAST, yes);
    client.send(bytes("all"), 0, at(address, 67));
    world.pass(1e9);
    assertEquals([texts(first), texts(second)], [["all"], ["all"]], address);
  }
});

Deno.test("multicast reaches those who joined, on this machine as well", () => {
  for (const [six, group] of [[false, "224.1.2.3"], [true, "ff02::4:5"]] as const) {
    const world = new World({ delayNs: 1e6 });
    const [level, name] = six ? [SOL.IPV6, IPV6.ADD_MEMBERSHIP] : [SOL.IP, IP.ADD_MEMBERSHIP];
    const member = world.far.udp(six), other = world.far.udp(six), here = world.near.udp(six);
    const request = new Uint8Array(six ? 20 : 8);
    request.set(parseAddress(group));
    for (const each of [member, other, here]) {
      each.setOption(SOL.SOCKET, SO.REUSEADDR, yes);
      each.bind(at(six ? "::" : "0.0.0.0", 5353));
    }
    member.setOption(level, name, request);
    here.setOption(level, name, request);
    world.near.udp(six).send(bytes("group"), 0, at(group, 5353));
    world.pass(1e9);
    assertEquals([texts(member), texts(other), texts(here)], [["group"], [], ["group"]], group);
    member.close();
    world.near.udp(six).send(bytes("again"), 0, at(group, 5353));
    world.pass(1e9);
    assertEquals(texts(here), ["again"]);
  }
});

Deno.test("the closest endpoint gets a datagram; those with SO_REUSEPORT share", () => {
  const world = new World({ delayNs: 1e5 });
  const any = world.far.udp(), exact = world.far.udp(), connected = world.far.udp();
  for (const each of [any, exact, connected]) each.setOption(SOL.SOCKET, SO.REUSEADDR, yes);
  any.bind(at("0.0.0.0", 53));
  exact.bind(at(FAR, 53));
  connected.bind(at(FAR, 53));
  connected.connect(at(NEAR, 1000));
  const one = world.near.udp(), two = world.near.udp();
  one.bind(at(NEAR, 1000));
  one.send(bytes("to the connected"), 0, at(FAR, 53));
  two.send(bytes("to the exact"), 0, at(FAR, 53));
  world.pass(1e9);
  assertEquals([texts(any), texts(exact), texts(connected)], [
    [],
    ["to the exact"],
    ["to the connected"],
  ]);
  const shared = [0, 1, 2].map(() => {
    const endpoint = world.far.udp();
    endpoint.setOption(SOL.SOCKET, SO.REUSEPORT, yes);
    endpoint.bind(at("0.0.0.0", 54));
    return endpoint;
  });
  for (let count = 0; count < 150; count++) world.near.udp().send(bytes("x"), 0, at(FAR, 54));
  world.pass(1e9);
  const counts = shared.map((each) => texts(each).length);
  assertEquals(counts.reduce((sum, count) => sum + count), 150);
  for (const count of counts) assertGreater(count, 20, `${counts}`);
});

Deno.test("a socket of IPv6 sees mapped addresses, unless it is for IPv6 only", () => {
  const world = new World({ delayNs: 1e6 });
  const both = world.far.udp(true), client = world.near.udp(true);
  both.bind(at("::", 53));
  client.send(bytes("four"), 0, at("::ffff:10.0.0.2", 53));
  world.pass(1e9);
  const { from } = both.receive(new Uint8Array(10), 0);
  assertEquals(from?.ip, at("::ffff:10.0.0.1", 0).ip);
  const only = world.far.udp(true);
  only.setOption(SOL.IPV6, IPV6.V6ONLY, yes);
  only.bind(at("::", 54));
  const four = world.far.udp();
  four.bind(at("0.0.0.0", 54));
  client.send(bytes("mapped"), 0, at("::ffff:10.0.0.2", 54));
  client.send(bytes("six"), 0, at(FAR_6, 54));
  world.pass(1e9);
  assertEquals([texts(four), texts(only)], [["mapped"], ["six"]]);
});

Deno.test("a full receive buffer drops, and is bounded for empty datagrams too", () => {
  const world = new World({ delayNs: 1e5 });
  const server = world.far.udp(), client = world.near.udp();
  server.bind(at(FAR, 53));
  server.setOption(SOL.SOCKET, SO.RCVBUF, intBytes(10_000));
  assertEquals([...server.getOption(SOL.SOCKET, SO.RCVBUF)], [...intBytes(20_000)]);
  client.connect(at(FAR, 53));
  client.send(bytes("first"), 0);
  world.pass(1e9);
  for (let count = 0; count < 1000; count++) client.send(new Uint8Array(0), 0);
  world.pass(1e9);
  let waiting = 0;
  while ((server.readiness & 1) !== 0) {
    server.receive(new Uint8Array(10), 0);
    waiting++;
  }
  assertEquals(waiting, Math.floor((20_000 - 5) / 256));
});

Deno.test("loopback: to 127.0.0.1, ::1 and the own address", () => {
  const world = new World();
  for (const [six, ip] of [[false, "127.0.0.1"], [false, NEAR], [true, "::1"]] as const) {
    const server = world.near.udp(six), client = world.near.udp(six);
    server.bind(at(ip, 53));
    client.connect(at(ip, 53));
    assertEquals(client.local.ip, parseAddress(ip));
    client.send(bytes("here"), 0);
    assertEquals(server.readiness & 1, 0, "not before the task runs");
    world.pass(1e6);
    assertEquals(texts(server), ["here"]);
    server.close();
    client.send(bytes("nobody"), 0);
    world.pass(1e6);
    assertEquals(client.takeError(), E.ECONNREFUSED);
  }
  assertEquals(world.link.delivered, 0);
});
