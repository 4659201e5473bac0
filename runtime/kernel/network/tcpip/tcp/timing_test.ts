// When segments are sent: retransmission (RFC 6298), probes of closed windows, keep-alives, delayed
// acknowledgements, Nagle's rule, fast retransmit, slow start.
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { E } from "../../../errno.ts";
import { MSG, SO, SOL, TCP } from "../../constants.ts";
import { at, FAR, World } from "../testing/world.ts";
import { ACK, FIN, RawConnection, RawPeer } from "../testing/raw_peer.ts";
import { errnoOf, Flow, join, pattern } from "../testing/transfer.ts";
import { intBytes } from "../socket_options.ts";

/** Options of our SYN: selective acknowledgements. */
const SACK_PERMITTED = [1, 1, 4, 2];
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

Deno.test("three selective acknowledgements behind a gap repeat what is lost, and no more", () => {
  const world = new World();
  const c = new RawConnection(world, SACK_PERMITTED);
  c.endpoint.send(new Uint8Array(14_600), 0);
  const sent = c.peer.take();
  assertEquals(sent.length, 10);
  const size = sent[0].data.length;
  const block = (from: number, to: number) => {
    const bytes = [1, 1, 5, 10];
    for (const edge of [c.theirs + from * size, c.theirs + to * size]) {
      bytes.push(edge >>> 24 & 255, edge >>> 16 & 255, edge >>> 8 & 255, edge & 255);
    }
    return bytes;
  };
  for (const last of [2, 3]) {
    c.send(ACK, { options: block(1, last) });
    assertEquals(c.peer.take(), []);
  }
  c.send(ACK, { options: block(1, 4) });
  assertEquals(c.peer.take().map(({ seq }) => seq), [c.theirs]);
  c.send(ACK, { options: block(1, 10) });
  assertEquals(c.peer.take(), []);
  c.send(ACK, { ack: c.theirs + 10 * size });
  assertEquals(c.peer.take(1e9), []);
  assertEquals(c.endpoint.queuedOut, 0);
});

Deno.test("a lost end of a burst is found out by a probe, long before the timeout (RFC 8985)", () => {
  const world = new World({ delayNs: 5e6 });
  const client = world.near.tcp();
  const server = join(world, client, world.far.listen(80), at(FAR, 80));
  const send = (bytes: number) => {
    const flow = new Flow(pattern(bytes, 1), client, server, 16_384, false);
    const begin = world.nowNs;
    assert(world.run(() => flow.step(), 10e9));
    return (world.nowNs - begin) / 1e6;
  };
  send(20_000);
  world.pass(1e9);
  let seen = 0;
  world.link.filter = (frame, from) => {
    const data = from === world.link.devices[0] && frame.length > 200;
    // Of seven segments the last four are lost.
    return !data || ++seen <= 3 || seen > 7;
  };
  assertLess(send(7 * 1448), 120);
  assertEquals(seen, 7 + 4);
});

Deno.test("three duplicate acknowledgements repeat a segment where there are no selective ones", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.send(new Uint8Array(14_600), 0);
  c.peer.take();
  for (let count = 0; count < 2; count++) c.send(ACK);
  assertEquals(c.peer.take(), []);
  c.send(ACK);
  assertEquals(c.peer.take().map(({ seq }) => seq), [c.theirs]);
  // A partial acknowledgement: the next one is lost as well (RFC 6582).
  c.send(ACK, { ack: c.theirs + 1460 });
  assertEquals(c.peer.take()[0].seq, c.theirs + 1460 | 0);
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

Deno.test("the window grows from ten segments, twice as large each round trip, until there is loss", () => {
  const world = new World({ delayNs: 50e6 });
  const client = world.near.tcp();
  const server = join(world, client, world.far.listen(80), at(FAR, 80));
  const flow = new Flow(pattern(400_000, 1), client, server);
  const begin = world.nowNs;
  const rounds: number[] = [];
  world.link.filter = (frame, from) => {
    if (from === world.link.devices[0] && frame.length > 1000) {
      const round = Math.floor((world.nowNs - begin) / 100e6);
      rounds[round] = (rounds[round] ?? 0) + 1;
    }
    return true;
  };
  assert(world.run(() => flow.step(), 10e9));
  assertEquals(rounds.slice(0, 4), [10, 20, 40, 80]);
});

Deno.test("after a pause the connection begins with a small window again", () => {
  const world = new World({ delayNs: 50e6 });
  const client = world.near.tcp();
  const server = join(world, client, world.far.listen(80), at(FAR, 80));
  const send = (bytes: number) => {
    const flow = new Flow(pattern(bytes, 1), client, server, 16_384, false);
    return world.run(() => flow.step(), 100e9);
  };
  assert(send(400_000));
  world.pass(5e9);
  let burst = 0;
  world.link.filter = (frame, from) => {
    if (from === world.link.devices[0] && frame.length > 1000) burst++;
    return true;
  };
  client.send(new Uint8Array(200_000), 0);
  world.pass(40e6);
  assertEquals(burst, 10);
});

Deno.test("a router that needs smaller packets gets them (RFC 1191)", () => {
  const world = new World({ delayNs: 1e6 });
  const client = world.near.tcp();
  const server = join(world, client, world.far.listen(80), at(FAR, 80));
  let refused = 0;
  world.link.filter = (frame, from) => {
    if (frame.length <= 814 || from !== world.link.devices[0]) return true;
    refused++;
    // The router that drops it says how large it may be.
    const message = new Uint8Array(14 + 20 + 8 + 28);
    message.set(frame.subarray(6, 12));
    message.set(frame.subarray(0, 6), 6);
    message.set([8, 0, 0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0], 12);
    message.set([10, 0, 0, 254], 26);
    message.set(frame.subarray(26, 30), 30);
    message.set([3, 4, 0, 0, 0, 0, 800 >> 8, 800 & 255], 34);
    message.set(frame.subarray(14, 42), 42);
    world.link.launch(world.link.devices[1], withChecksums(message));
    return false;
  };
  const flow = new Flow(pattern(200_000, 1), client, server);
  assert(world.run(() => flow.step(), 10e9));
  assertEquals(flow.wrongAt, -1);
  assertGreater(refused, 0);
  assertLess(refused, 30);
});

/** Fills in the checksums of an ICMP message over IPv4. */
function withChecksums(frame: Uint8Array): Uint8Array {
  const sum = (at: number, end: number) => {
    let total = 0;
    for (let index = at; index < end; index += 2) total += frame[index] << 8 | frame[index + 1];
    while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
    return ~total & 0xffff;
  };
  const ip = sum(14, 34), icmp = sum(34, frame.length);
  frame.set([ip >> 8, ip & 255], 24);
  frame.set([icmp >> 8, icmp & 255], 36);
  return frame;
}

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
