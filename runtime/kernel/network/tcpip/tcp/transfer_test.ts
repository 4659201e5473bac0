// Bytes go both ways over good and bad links, and arrive as they were sent.
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { at, FAR, FAR_6, World, type WorldSettings } from "../testing/world.ts";
import { Flow, join, pattern } from "../testing/transfer.ts";

/** Transfers `bytes` in each direction. @returns seconds of virtual time */
function exchange(settings: WorldSettings, bytes: number, six = false): number {
  const world = new World(settings);
  const listener = world.far.listen(80, six);
  const client = world.near.tcp(six);
  const server = join(world, client, listener, at(six ? FAR_6 : FAR, 80));
  const forth = new Flow(pattern(bytes, 7), client, server);
  const back = new Flow(pattern(bytes, 9), server, client);
  const begin = world.nowNs;
  const done = world.run(() => {
    const one = forth.step(), other = back.step();
    return one && other;
  }, 3600e9);
  const told = `seed ${settings.seed ?? 1}: ${forth.received} and ${back.received} of ${bytes}`;
  assert(done, `not done after ${(world.nowNs - begin) / 1e9} s, ${told}`);
  assertEquals([forth.wrongAt, back.wrongAt], [-1, -1], told);
  client.close();
  server.close();
  world.pass(120e9);
  assertEquals([world.near.stack.tcp.flows.size, world.far.stack.tcp.flows.size], [0, 0]);
  return (world.nowNs - begin) / 1e9 - 120;
}

Deno.test("TCP carries a megabyte each way over a perfect link", () => {
  exchange({ delayNs: 1e6 }, 1 << 20);
  exchange({ delayNs: 1e6 }, 1 << 20, true);
});

Deno.test("TCP uses devices that cut packets and fill in checksums", () => {
  exchange({ delayNs: 1e6, offload: true }, 3 << 20);
  exchange({ delayNs: 1e6, offload: true, loss: 0.01 }, 1 << 20, true);
});

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`TCP carries bytes over a bad link, seed ${seed}`, () => {
    const bad = { delayNs: 10e6, jitterNs: 2e6, loss: 0.05, duplication: 0.02, reordering: 0.05 };
    exchange({ ...bad, corruption: 0.01, seed }, 300_000, seed % 2 === 0);
  });
}

Deno.test("TCP carries bytes in packets of all sizes, also where the ends differ", () => {
  for (const mtu of [576, 1280, 1500, 4000, 9000]) {
    exchange({ mtu, delayNs: 1e6, loss: 0.01, seed: mtu }, 200_000);
    exchange({ mtu, farMtu: 1500, delayNs: 1e6, seed: mtu }, 200_000, mtu >= 1280);
    exchange({ mtu, offload: true, delayNs: 1e6, loss: 0.01, seed: mtu }, 200_000, mtu >= 1280);
  }
});

Deno.test("TCP waits for room in the queue of a slow device", () => {
  const slow = { delayNs: 5e6, bitRate: 20e6, queueFrames: 8 };
  const seconds = exchange(slow, 500_000);
  // Both ways at once: nothing is lost, and the link is never idle for long.
  assertLess(seconds, 1);
  assertGreater(seconds, 500_000 * 8 / 20e6);
  exchange({ ...slow, offload: true }, 500_000);
  exchange({ ...slow, queueFrames: 1 }, 100_000);
});

Deno.test("a long fast path is filled, with one loss in ten thousand", () => {
  const seconds = exchange({ delayNs: 10e6, loss: 1e-4, bitRate: 100e6, queueFrames: 200 }, 4e6);
  // 256 KiB of buffer each 20 ms: 13 MB/s are the limit of the window, 12.5 that of the link.
  assertLess(seconds, 1);
});

Deno.test("TCP carries bytes without options, over a bad link", () => {
  const features = { timestamps: false, selectiveAcknowledgements: false, windowScaling: false };
  exchange({ delayNs: 5e6, loss: 0.03, duplication: 0.02, reordering: 0.02, features }, 200_000);
});
