// Below the transports: neighbours, fragments, echoes and errors, addresses and routes.
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { ipText } from "../../../../../schemas/internet_address.ts";
import { E } from "../../../errno.ts";
import { AF, IPPROTO, SOCK } from "../../constants.ts";
import { addToSum, checksumOf, foldSum } from "../checksum.ts";
import { ARP_BYTES, writeArp } from "../link/arp.ts";
import { at, FAR, FAR_6, NEAR, seededRandom, World } from "../testing/world.ts";
import { errnoOf, join } from "../testing/transfer.ts";
import { get16, put16 } from "../../../../hardware/network_order.ts";
import { parseAddress, parseNetwork } from "./address_text.ts";
import { inNetwork, isBroadcastOf, mapAddress } from "./ip_address.ts";

Deno.test("checksums of all lengths and places are those of the definition (RFC 1071)", () => {
  const random = seededRandom(5);
  const bytes = new Uint8Array(3000).map(() => random() * 256);
  for (let round = 0; round < 500; round++) {
    const at = Math.floor(random() * 40), end = at + Math.floor(random() * random() * 2900);
    let sum = 0;
    for (let index = at; index < end; index += 2) {
      sum += bytes[index] << 8 | (index + 1 < end ? bytes[index + 1] : 0);
    }
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    // Nothing and 0xffff are the same number in this arithmetic.
    assertEquals(foldSum(addToSum(bytes, at, end)) % 0xffff, sum % 0xffff, `${at} to ${end}`);
  }
  const full = new Uint8Array(65_535).fill(0xff);
  assertEquals(checksumOf(addToSum(full, 0, full.length)), 0x00ff);
});

Deno.test("addresses are read and written as people do", () => {
  for (
    const text of ["10.0.2.15", "::", "::1", "fd00::15", "fe80::1:2:3", "1:2:3:4:5:6:7:8", "2001::"]
  ) {
    assertEquals(ipText(parseAddress(text)), text);
  }
  assertEquals(parseAddress("::ffff:1.2.3.4"), mapAddress(parseAddress("1.2.3.4")));
  for (
    const text of ["", "1.2.3", "1.2.3.256", "1::2::3", "1:2:3:4:5:6:7", ":1", "g::", "1.2.3.4::"]
  ) {
    assertThrows(() => parseAddress(text), Error, `"${text}"`);
  }
  for (const text of ["10.0.0.1", "10.0.0.1/33", "fd00::1/129", "10.0.0.1/x", "10.0.0.1/8/8"]) {
    assertThrows(() => parseNetwork(text), Error, `"${text}"`);
  }
  const network = parseNetwork("10.1.2.3/20");
  assert(inNetwork(parseAddress("10.1.15.255"), network));
  assert(!inNetwork(parseAddress("10.1.16.0"), network));
  assert(isBroadcastOf(parseAddress("10.1.15.255"), network));
  assert(!isBroadcastOf(parseAddress("10.1.2.255"), network));
});

/** An ARP packet from the far host, with claims of its own. */
function claim(world: World, ip: string, mac: number, request: boolean): void {
  const frame = new Uint8Array(14 + ARP_BYTES);
  frame.set(world.link.devices[0].mac);
  put16(frame, 12, 0x0806);
  const senderMac = Uint8Array.of(2, 0, 0, 0, 0, mac), targetMac = new Uint8Array(6);
  const [senderIp, targetIp] = [ip, NEAR].map(parseAddress);
  writeArp(frame, 14, { request, senderMac, senderIp, targetMac, targetIp });
  world.link.devices[0].received(frame, false);
}

Deno.test("nobody can redirect a neighbour that is known", () => {
  const world = new World({ delayNs: 1e6 });
  const client = world.near.udp(), server = world.far.udp();
  server.bind(at(FAR, 53));
  client.connect(at(FAR, 53));
  const targets: number[] = [];
  world.link.filter = (frame, from) => {
    if (from === world.link.devices[0] && get16(frame, 12) === 0x0800) targets.push(frame[5]);
    return true;
  };
  client.send(Uint8Array.of(1), 0);
  world.pass(1e9);
  for (const request of [true, false]) {
    claim(world, FAR, 99, request);
    client.send(Uint8Array.of(1), 0);
    world.pass(1e9);
  }
  assertEquals(targets, [2, 2, 2]);
});

Deno.test("an answer that nobody asked for makes no entry", () => {
  const world = new World({ delayNs: 1e6 });
  claim(world, "10.0.0.50", 99, false);
  const client = world.near.udp();
  client.connect(at("10.0.0.50", 53));
  const types: number[] = [];
  world.link.filter = (frame) => {
    types.push(get16(frame, 12));
    return true;
  };
  client.send(Uint8Array.of(1), 0);
  world.pass(1e8);
  assertEquals(types, [0x0806]);
  world.pass(10e9);
  assertEquals(types, [0x0806, 0x0806, 0x0806]);
});

Deno.test("what waits for an address is sent once it is there", () => {
  const world = new World({ delayNs: 1e6 });
  const server = world.far.udp(), client = world.near.udp();
  server.bind(at(FAR, 53));
  client.connect(at(FAR, 53));
  for (const byte of [1, 2, 3]) client.send(Uint8Array.of(byte), 0);
  world.pass(1e9);
  const buffer = new Uint8Array(1);
  assertEquals([1, 2, 3].map(() => server.receive(buffer, 0).count && buffer[0]), [1, 2, 3]);
});

Deno.test("fragments come together in any order, once each, and only whole", () => {
  for (const six of [false, true]) {
    for (const faults of [{ reordering: 0.5, delayNs: 4e6 }, { duplication: 1, delayNs: 1e6 }]) {
      const world = new World({ ...faults, jitterNs: 1e5, seed: 3 });
      const server = world.far.udp(six), client = world.near.udp(six);
      server.bind(at(six ? "::" : "0.0.0.0", 53));
      client.connect(at(six ? FAR_6 : FAR, 53));
      const data = new Uint8Array(30_000).map((_, index) => index * 7 + (index >> 8));
      client.send(data, 0);
      world.pass(1e9);
      const buffer = new Uint8Array(40_000);
      assertEquals(server.receive(buffer, 0).count, 30_000);
      assertEquals(buffer.subarray(0, 30_000), data);
    }
  }
});

Deno.test("fragments that never become whole are forgotten", () => {
  const world = new World({ delayNs: 1e6 });
  const server = world.far.udp(), client = world.near.udp();
  server.bind(at(FAR, 53));
  client.connect(at(FAR, 53));
  let fragments = 0;
  // Every third is lost.
  world.link.filter = (frame) => get16(frame, 12) !== 0x0800 || ++fragments % 3 !== 0;
  for (let count = 0; count < 600; count++) {
    client.send(new Uint8Array(20_000), 0);
    if (count % 10 === 0) world.pass(1e6);
  }
  world.pass(40e9);
  assertEquals(server.readiness & 1, 0);
  world.link.filter = () => true;
  client.send(new Uint8Array(20_000), 0);
  world.pass(1e9);
  assertEquals(server.queuedIn, 20_000);
});

Deno.test("echo requests are answered, for echo sockets and raw ones", () => {
  for (const six of [false, true]) {
    const world = new World({ delayNs: 1e6 });
    const family = six ? AF.INET6 : AF.INET, protocol = six ? IPPROTO.ICMPV6 : IPPROTO.ICMP;
    const request = new Uint8Array(64).map((_, index) => index);
    request.fill(0, 0, 8);
    request[0] = six ? 128 : 8;
    request[7] = 5;
    const buffer = new Uint8Array(100);
    const ping = world.near.transport.open(family, SOCK.DGRAM, protocol);
    ping.send(request, 0, at(six ? FAR_6 : FAR, 0));
    world.pass(1e9);
    assertEquals(ping.receive(buffer, 0).count, 64);
    assertEquals([buffer[0], buffer[7], buffer[63]], [six ? 129 : 0, 5, 63]);
    const raw = world.near.transport.open(family, SOCK.RAW, protocol);
    raw.send(request, 0, at(six ? FAR_6 : FAR, 0));
    world.pass(1e9);
    // A raw socket of IPv4 sees the IP header.
    const header = six ? 0 : 20;
    assertEquals(raw.receive(buffer, 0).count, 64 + header);
    assertEquals(buffer[header], six ? 129 : 0);
    assertEquals(errnoOf(() => ping.send(request.subarray(0, 4), 0)), E.EDESTADDRREQ);
  }
});

Deno.test("errors are sent at a bounded rate", () => {
  const world = new World({ delayNs: 1e6 });
  const client = world.near.udp();
  client.connect(at(FAR, 9));
  client.send(Uint8Array.of(1), 0);
  world.pass(1e9);
  let errors = 0;
  world.link.filter = (frame, from) => {
    if (from === world.link.devices[1] && frame[23] === IPPROTO.ICMP) errors++;
    return true;
  };
  for (let count = 0; count < 5000; count++) {
    errnoOf(() => client.send(Uint8Array.of(1), 0));
  }
  world.pass(1e9);
  assertLess(errors, 60);
  assertLess(20, errors);
});

Deno.test("interfaces and routes are told", () => {
  const { near } = new World({ delayNs: 1e6 });
  const [lo, eth] = near.transport.interfaces();
  assertEquals([lo.index, lo.name, lo.loopback, lo.mtu], [1, "lo", true, 65_536]);
  assertEquals([eth.index, eth.name, eth.loopback, eth.mtu], [2, "eth0", false, 1500]);
  assertEquals(eth.addresses.map(({ ip, prefix }) => `${ipText(ip)}/${prefix}`), [
    "10.0.0.1/24",
    "fd00::1/64",
    "fe80::ff:fe00:1/64",
  ]);
  const routes = near.transport.routes().map(({ destination, prefix, gateway }) =>
    `${ipText(destination)}/${prefix} ${gateway && ipText(gateway)}`
  );
  assertEquals(routes, [
    "0.0.0.0/0 10.0.0.254",
    "10.0.0.0/24 undefined",
    "fd00::/64 undefined",
    "fe80::/64 undefined",
  ]);
});

Deno.test("packets of link-local addresses need no route", () => {
  const world = new World({ delayNs: 1e6 });
  const listener = world.far.listen(80, true);
  const client = world.near.tcp(true);
  const address = { ...at("fe80::ff:fe00:2", 80), scope: 2 };
  const server = join(world, client, listener, address);
  assertEquals(ipText(server.peer!.ip), "fe80::ff:fe00:1");
});
