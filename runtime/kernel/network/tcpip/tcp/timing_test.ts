// What happens when nothing comes: retransmission (RFC 6298), probes of closed windows, keep-alives.
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { E } from "../../../errno.ts";
import { SO, SOL, TCP } from "../../constants.ts";
import { at, FAR, World } from "../testing/world.ts";
import { ACK, RawConnection, RawPeer } from "../testing/raw_peer.ts";
import { intBytes } from "../socket_options.ts";

const MS = 1e6;

/** Times between one segment and the next, in milliseconds. */
function gaps(seen: { atNs: number }[]): number[] {
  return seen.slice(1).map(({ atNs }, index) => Math.round((atNs - seen[index].atNs) / MS));
}

Deno.test("a SYN is sent again after 1, 2, 4 ... seconds, then the connect fails", () => {
  const world = new World();
  const peer = new RawPeer(world);
  const client = world.near.tcp();
  client.connect(at(FAR, 80));
  const seen = peer.take(200e9);
  assertEquals(gaps(seen), [1000, 2000, 4000, 8000, 16_000, 32_000]);
  assertEquals([client.connecting, client.takeError()], [false, E.ETIMEDOUT]);
});

Deno.test("an address that nobody has is unreachable", () => {
  const world = new World();
  const client = world.near.tcp();
  client.connect(at("10.0.0.77", 80));
  world.run(() => !client.connecting, 100e9);
  assertEquals(client.takeError(), E.EHOSTUNREACH);
});

Deno.test("data is sent again after the timeout, each time after twice as long, then given up", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.send(new Uint8Array(100), 0);
  const seen = c.peer.take(2000e9);
  const times = gaps(seen);
  // The round trip takes a millisecond here: the least variation holds.
  assertEquals(times.slice(0, 6), [201, 402, 804, 1608, 3216, 6432]);
  assertEquals(times.slice(-2), [120_000, 120_000]);
  assertEquals(times.length, 15);
  assertEquals(c.endpoint.takeError(), E.ETIMEDOUT);
});

Deno.test("TCP_USER_TIMEOUT ends a connection whose data is not acknowledged", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.setOption(SOL.TCP, TCP.USER_TIMEOUT, intBytes(3000));
  c.endpoint.send(new Uint8Array(100), 0);
  const begin = world.nowNs;
  assert(world.run(() => (c.endpoint.readiness & 8) !== 0, 100e9));
  const seconds = (world.nowNs - begin) / 1e9;
  assertGreater(seconds, 3);
  assertLess(seconds, 7);
  assertEquals(c.endpoint.takeError(), E.ETIMEDOUT);
});

Deno.test("a closed window is probed for as long as the peer answers", () => {
  const world = new World();
  const c = new RawConnection(world, [], 0);
  c.endpoint.send(new Uint8Array(100), 0);
  const begin = c.theirs;
  for (let round = 0; round < 40; round++) {
    const seen = c.peer.take(130e9);
    assertGreater(seen.length, 0, `round ${round}`);
    for (const { seq, data } of seen) assertEquals([seq, data.length], [begin - 1 | 0, 0]);
    c.send(ACK, { window: 0 });
  }
  c.send(ACK, { window: 1000 });
  const [data] = c.peer.take();
  assertEquals([data.seq, data.data.length], [begin, 100]);
});

Deno.test("a closed window that nobody answers for ends the connection", () => {
  const world = new World();
  const c = new RawConnection(world, [], 0);
  c.endpoint.send(new Uint8Array(100), 0);
  world.pass(3000e9);
  assertEquals(c.endpoint.takeError(), E.ETIMEDOUT);
});

Deno.test("keep-alives find out that the peer is gone", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.setOption(SOL.TCP, TCP.KEEPIDLE, intBytes(10));
  c.endpoint.setOption(SOL.TCP, TCP.KEEPINTVL, intBytes(2));
  c.endpoint.setOption(SOL.TCP, TCP.KEEPCNT, intBytes(3));
  c.endpoint.setOption(SOL.SOCKET, SO.KEEPALIVE, intBytes(1));
  const begin = world.nowNs;
  const [probe, ...none] = c.peer.take(11e9);
  assertEquals([probe.seq, probe.data.length, none.length], [c.theirs - 1 | 0, 0, 0]);
  assertEquals(Math.round((probe.atNs - begin) / 1e9), 10);
  // An answer starts the wait again.
  c.send(ACK);
  assertEquals(c.peer.take(8e9), []);
  const seen = c.peer.take(20e9);
  assertEquals(gaps(seen).slice(0, 2), [2000, 2000]);
  assertEquals(c.endpoint.takeError(), E.ETIMEDOUT);
});
