// Windows of both sides, acknowledgements, and when small segments are held back (RFC 9293, 3.8.6).
import { assert, assertEquals } from "@std/assert";
import { E } from "../../../errno.ts";
import { MSG, SO, SOL, TCP } from "../../constants.ts";
import { at, FAR, World } from "../testing/world.ts";
import { ACK, FIN, RawConnection } from "../testing/raw_peer.ts";
import { errnoOf, join } from "../testing/transfer.ts";
import { intBytes } from "../socket_options.ts";

/** Options of our SYN: selective acknowledgements. */
const SACK_PERMITTED = [1, 1, 4, 2];
const MS = 1e6;

Deno.test("the window of a SYN is not scaled, all others are (RFC 7323)", () => {
  const c = new RawConnection(new World(), [1, 3, 3, 7], 1000);
  c.endpoint.send(new Uint8Array(50_000), 0);
  const first = c.peer.take();
  assertEquals(first.reduce((sum, { data }) => sum + data.length, 0), 1000);
  c.send(ACK, { ack: c.theirs + 1000, window: 40 });
  const second = c.peer.take();
  // Of 5120 bytes, what makes full segments.
  assertEquals(second.map(({ data }) => data.length), [1460, 1460, 1460]);
});

Deno.test("our window closes when the program does not read, and opens when it does", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.setOption(SOL.SOCKET, SO.RCVBUF, intBytes(8000));
  let window = 65_535, sent = 0;
  const chunk = new Uint8Array(1000).fill(1);
  for (let round = 0; round < 80 && window > 0; round++) {
    c.send(ACK, { data: chunk.subarray(0, Math.min(1000, window)) });
    c.ours += Math.min(1000, window);
    sent += Math.min(1000, window);
    const seen = c.peer.take(50e6);
    if (seen.length > 0) window = seen.at(-1)!.ack + seen.at(-1)!.window - c.ours;
  }
  // The window of the handshake was larger and is kept: no promise is taken back.
  assertEquals([window, c.endpoint.queuedIn], [0, sent]);
  c.send(ACK, { data: chunk });
  const [refused] = c.peer.take();
  assertEquals([refused.ack, refused.window], [c.ours, 0]);
  c.endpoint.receive(new Uint8Array(sent), 0);
  const [opened] = c.peer.take();
  assertEquals([opened.ack, opened.window], [c.ours, 8000]);
});

Deno.test("acknowledgements are taken while our window is closed and the peer probes it with a byte", () => {
  const world = new World();
  const c = new RawConnection(world);
  const chunk = new Uint8Array(1000);
  let window = 65_535;
  while (window > 0) {
    const data = chunk.subarray(0, Math.min(chunk.length, window));
    c.send(ACK, { data });
    c.ours += data.length;
    for (const { ack, window: told } of c.peer.take(50e6)) window = ack + told - c.ours;
  }
  c.endpoint.send(new Uint8Array(3000), 0);
  assertEquals(c.peer.take().length, 3);
  c.send(ACK, { data: chunk.subarray(0, 1) });
  c.peer.take();
  c.send(ACK, { seq: c.ours + 1, ack: c.theirs + 3000 });
  assertEquals(c.peer.take(2e9), []);
});

Deno.test("every second full segment is acknowledged at once, a single one after 40 ms", () => {
  const world = new World();
  const c = new RawConnection(world);
  const full = new Uint8Array(1460);
  const push = (data: Uint8Array) => {
    c.send(ACK, { data });
    c.ours += data.length;
  };
  // Past the first ones, which are acknowledged at once for the peer's slow start.
  for (let index = 0; index < 20; index++) {
    push(full);
    c.peer.take(100e6);
  }
  push(full);
  const begin = world.nowNs;
  const [late] = c.peer.take(100e6);
  assertEquals([Math.round((late.atNs - begin) / MS), late.ack], [40, c.ours]);
  push(full);
  push(full);
  assertEquals(c.peer.take(1e6).map(({ ack }) => ack), [c.ours]);
  push(new Uint8Array(10));
  c.peer.take(1e6);
  // An answer carries the acknowledgement.
  c.endpoint.send(new Uint8Array(5), 0);
  const answers = c.peer.take(100e6);
  assertEquals(answers.map(({ ack, data }) => [ack, data.length]), [[c.ours, 5]]);
});

Deno.test("a segment out of order is acknowledged at once, with what is there", () => {
  const world = new World();
  const c = new RawConnection(world, SACK_PERMITTED);
  const data = new Uint8Array(100);
  c.send(ACK, { data, seq: c.ours + 100 });
  assertEquals(c.peer.take().map(({ ack, sack }) => [ack, sack]), [
    [c.ours, [[c.ours + 100, c.ours + 200]]],
  ]);
  c.send(ACK, { data, seq: c.ours + 300 });
  // The newest first (RFC 2018, 4).
  assertEquals(c.peer.take()[0].sack, [
    [c.ours + 300, c.ours + 400],
    [c.ours + 100, c.ours + 200],
  ]);
  c.send(ACK, { data });
  const [filled] = c.peer.take();
  assertEquals([filled.ack, filled.sack], [c.ours + 200, [[c.ours + 300, c.ours + 400]]]);
  c.send(ACK, { data });
  // What came twice is told (RFC 2883).
  assertEquals(c.peer.take()[0].sack[0], [c.ours, c.ours + 100]);
});

Deno.test("small writes wait for the acknowledgement of the last, unless TCP_NODELAY is set", () => {
  const world = new World();
  const c = new RawConnection(world);
  for (let count = 0; count < 5; count++) c.endpoint.send(new Uint8Array(10), 0);
  assertEquals(c.peer.take().map(({ data }) => data.length), [10]);
  c.theirs += 10;
  c.send(ACK);
  assertEquals(c.peer.take().map(({ data }) => data.length), [40]);
  c.theirs += 40;
  c.send(ACK);
  c.endpoint.setOption(SOL.TCP, TCP.NODELAY, intBytes(1));
  for (let count = 0; count < 5; count++) c.endpoint.send(new Uint8Array(10), 0);
  assertEquals(c.peer.take().map(({ data }) => data.length), [10, 10, 10, 10, 10]);
});

Deno.test("TCP_CORK and MSG_MORE hold small segments back, for 200 ms at most", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.setOption(SOL.TCP, TCP.CORK, intBytes(1));
  c.endpoint.send(new Uint8Array(10), 0);
  const begin = world.nowNs;
  const [late] = c.peer.take(500e6);
  assertEquals([late.data.length, Math.round((late.atNs - begin) / MS)], [10, 200]);
  c.theirs += 10;
  c.send(ACK);
  c.endpoint.send(new Uint8Array(10), 0);
  c.peer.take();
  c.endpoint.setOption(SOL.TCP, TCP.CORK, intBytes(0));
  assertEquals(c.peer.take().map(({ data }) => data.length), [10]);
  c.theirs += 10;
  c.send(ACK);
  c.endpoint.send(new Uint8Array(10), MSG.MORE);
  assertEquals(c.peer.take(), []);
  c.endpoint.send(new Uint8Array(10), 0);
  assertEquals(c.peer.take().map(({ data }) => data.length), [20]);
});

Deno.test("closing sends what is left with the FIN", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.send(new Uint8Array(10), MSG.MORE);
  c.endpoint.close();
  const [last] = c.peer.take();
  assertEquals([last.data.length, last.flags & FIN], [10, FIN]);
});

Deno.test("an old timestamp is refused (PAWS)", () => {
  const world = new World();
  const stamp = (value: number) => [1, 1, 8, 10, 0, 0, value >> 8, value & 255, 0, 0, 0, 0];
  const c = new RawConnection(world, stamp(1000));
  c.send(ACK, { data: Uint8Array.of(1), options: stamp(900) });
  const [answer] = c.peer.take();
  assertEquals([answer.ack, c.endpoint.queuedIn], [c.ours, 0]);
  c.send(ACK, { data: Uint8Array.of(1), options: stamp(1001) });
  c.peer.take(100e6);
  assertEquals(c.endpoint.queuedIn, 1);
});

Deno.test("what a full send buffer takes is EAGAIN, and room is told", () => {
  const world = new World({ delayNs: 1e6 });
  const client = world.near.tcp();
  const server = join(world, client, world.far.listen(80), at(FAR, 80));
  const chunk = new Uint8Array(65_536);
  let sent = 0;
  for (let round = 0; round < 100; round++) {
    while (errnoOf(() => sent += client.send(chunk, 0)) === 0);
    world.pass(1e9);
  }
  assertEquals(errnoOf(() => client.send(chunk, 0)), E.EAGAIN);
  assertEquals(client.readiness & 4, 0);
  assertEquals(sent, server.queuedIn + client.queuedOut);
  let told = false;
  client.changed = () => told ||= (client.readiness & 4) !== 0;
  const buffer = new Uint8Array(1 << 20);
  server.receive(buffer, 0);
  world.pass(1e9);
  assert(told);
});
