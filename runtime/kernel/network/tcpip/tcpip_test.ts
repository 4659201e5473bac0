// The component as others meet it: what it provides, what it refuses, and the options of its sockets.
import { assertEquals, assertThrows } from "@std/assert";
import { E } from "../../errno.ts";
import { AF, IP, IPPROTO, IPV6, SO, SOCK, SOL, TCP } from "../constants.ts";
import type { StreamEndpoint, Transport } from "../endpoint.ts";
import { intBytes, readInt } from "./socket_options.ts";
import { createTcpip } from "./tcpip.ts";
import { SimulatedLink } from "./testing/simulated_link.ts";
import { errnoOf } from "./testing/transfer.ts";
import { at, FAR, World } from "./testing/world.ts";

Deno.test("without a network interface there is loopback, and nothing else to reach", () => {
  const world = new World();
  const component = createTcpip(world.environment(), {}, {});
  const transport = component.provides.transport as Transport;
  assertEquals(transport.interfaces().map(({ name }) => name), ["lo"]);
  assertEquals(transport.routes(), []);
  const server = transport.open(AF.INET, SOCK.STREAM, 0) as StreamEndpoint;
  server.bind(at("127.0.0.1", 80));
  server.listen(1);
  const client = transport.open(AF.INET, SOCK.STREAM, IPPROTO.TCP);
  client.connect(at("127.0.0.1", 80));
  world.pass(1e6);
  client.send(new Uint8Array(200_000).fill(9), 0);
  const accepted = server.accept();
  world.pass(1e6);
  assertEquals(accepted.queuedIn, 200_000);
  const lost = transport.open(AF.INET, SOCK.STREAM, 0);
  assertEquals(errnoOf(() => lost.connect(at(FAR, 80))), E.ENETUNREACH);
});

Deno.test("settings that make no sense are refused by name", () => {
  const world = new World();
  const link = new SimulatedLink({}, world.random, () => world.nowNs);
  const frames = [link.attach(1500, false), link.attach(1500, false)];
  const create = (needs: Record<string, unknown>, settings: Record<string, unknown>) => () =>
    createTcpip(world.environment(), needs, settings);
  assertThrows(create({ frames }, {}), Error, "not 2");
  assertThrows(create({}, { addresses: ["10.0.2.15"] }), Error, `"10.0.2.15"`);
  assertThrows(create({}, { gateway: "10.0.2" }), Error, `"10.0.2"`);
});

Deno.test("open knows families, types and protocols", () => {
  const { transport } = new World().near;
  const cases: [number, number, number, number][] = [
    [AF.UNIX, SOCK.STREAM, 0, E.EAFNOSUPPORT],
    [AF.INET, SOCK.SEQPACKET, 0, E.ESOCKTNOSUPPORT],
    [AF.INET, SOCK.STREAM, IPPROTO.UDP, E.EPROTONOSUPPORT],
    [AF.INET6, SOCK.DGRAM, IPPROTO.TCP, E.EPROTONOSUPPORT],
    [AF.INET, SOCK.DGRAM, IPPROTO.ICMPV6, E.EPROTONOSUPPORT],
    [AF.INET, SOCK.RAW, IPPROTO.TCP, E.EPROTONOSUPPORT],
    [AF.INET6, SOCK.RAW, IPPROTO.ICMPV6, 0],
    [AF.INET6, SOCK.DGRAM, IPPROTO.UDP, 0],
  ];
  for (const [family, type, protocol, errno] of cases) {
    assertEquals(errnoOf(() => transport.open(family, type, protocol)), errno, `${family} ${type}`);
  }
});

Deno.test("options have the defaults of Linux, and keep what is set", () => {
  const { near } = new World();
  const tcp = near.tcp(true), udp = near.udp();
  const read = (endpoint: typeof udp, level: number, name: number) =>
    readInt(endpoint.getOption(level, name));
  assertEquals(read(tcp, SOL.SOCKET, SO.TYPE), SOCK.STREAM);
  assertEquals(read(tcp, SOL.SOCKET, SO.DOMAIN), AF.INET6);
  assertEquals(read(udp, SOL.SOCKET, SO.PROTOCOL), IPPROTO.UDP);
  assertEquals(read(tcp, SOL.SOCKET, SO.ACCEPTCONN), 0);
  assertEquals(read(tcp, SOL.TCP, TCP.KEEPIDLE), 7200);
  assertEquals(read(tcp, SOL.TCP, TCP.KEEPINTVL), 75);
  assertEquals(read(tcp, SOL.TCP, TCP.KEEPCNT), 9);
  assertEquals(read(udp, SOL.IP, IP.TTL), 64);
  assertEquals(read(tcp, SOL.IPV6, IPV6.V6ONLY), 0);
  const congestion = new TextDecoder().decode(tcp.getOption(SOL.TCP, TCP.CONGESTION));
  assertEquals(congestion.replace(/\0+$/, ""), "cubic");
  const settings: [typeof udp, number, number, number, number][] = [
    [tcp, SOL.SOCKET, SO.REUSEADDR, 7, 1],
    [tcp, SOL.SOCKET, SO.SNDBUF, 10_000, 20_000],
    [tcp, SOL.SOCKET, SO.RCVBUF, 1, 4608],
    [tcp, SOL.TCP, TCP.NODELAY, 1, 1],
    [tcp, SOL.TCP, TCP.KEEPIDLE, 5, 5],
    [udp, SOL.IP, IP.TTL, -1, 64],
    [udp, SOL.IP, IP.TOS, 0x10, 0x10],
  ];
  for (const [endpoint, level, name, set, got] of settings) {
    endpoint.setOption(level, name, intBytes(set));
    assertEquals(read(endpoint, level, name), got, `level ${level}, option ${name}`);
  }
  assertEquals(errnoOf(() => udp.setOption(SOL.IP, IP.TTL, intBytes(256))), E.EINVAL);
  assertEquals(errnoOf(() => tcp.setOption(SOL.TCP, TCP.KEEPCNT, intBytes(0))), E.EINVAL);
  assertEquals(errnoOf(() => tcp.setOption(SOL.TCP, TCP.NODELAY, new Uint8Array(2))), E.EINVAL);
  assertEquals(errnoOf(() => udp.getOption(SOL.IP, IP.MTU)), E.ENOTCONN);
  udp.connect(at(FAR, 53));
  assertEquals(read(udp, SOL.IP, IP.MTU), 1500);
  tcp.setOption(SOL.SOCKET, SO.LINGER, Uint8Array.of(1, 0, 0, 0, 5, 0, 0, 0));
  assertEquals([...tcp.getOption(SOL.SOCKET, SO.LINGER)], [1, 0, 0, 0, 5, 0, 0, 0]);
});
