// How loss is found out and how fast the connection then is: selective acknowledgements, probes of the
// tail, slow start, path MTU.
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { at, FAR, World } from "../testing/world.ts";
import { ACK, RawConnection } from "../testing/raw_peer.ts";
import { Flow, join, pattern } from "../testing/transfer.ts";

/** Options of our SYN: selective acknowledgements. */
const SACK_PERMITTED = [1, 1, 4, 2];

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
