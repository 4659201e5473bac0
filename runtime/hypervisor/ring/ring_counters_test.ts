import { assert, assertEquals } from "@std/assert";
import { RingClient } from "./client.ts";
import { resetRing, ringBytes } from "./layout.ts";
import { COUNTERS_AT, moveRingCounts, readRingCounts } from "./ring_counters.ts";
import { RingServer } from "./server.ts";

const shape = { depth: 16, arenaBytes: 16 * 64 };
const nobody = { complete() {} };

/** Both ends of a ring in one thread; each call takes as long as `callNs` says. */
function makeRing(callNs: () => number) {
  const memory = new SharedArrayBuffer(ringBytes(shape));
  let nowNs = 0;
  const sleepy = { ring: () => true };
  const client = new RingClient(memory, shape, 1, sleepy, () => nowNs);
  const server: RingServer = new RingServer(memory, shape, 1, { ring: () => false }, (request) => {
    nowNs += callNs();
    server.complete(request.slot, 0, 0, 0);
  });
  const call = (together: number) => {
    for (let sent = 0; sent < together; sent++) {
      client.submit(client.acquire(), 1, [], 0, 0, nobody);
    }
    client.notify();
    server.poll();
    server.notify();
    client.poll();
  };
  return { memory, client, server, call };
}

Deno.test("calls, occupancy, doorbells and copied bytes are where others read them", () => {
  const { memory, client, call } = makeRing(() => 1000);
  for (let round = 0; round < 10; round++) call(1);
  client.copied(100);
  assertEquals({ ...readRingCounts(memory), latencies: [] }, {
    calls: 10,
    ringOccupancy: 1,
    ringOccupancyMost: 1,
    bytesCopied: 100,
    doorbells: 10,
    latencies: [],
  });
  for (let round = 0; round < 100; round++) call(16);
  const { calls, ringOccupancy, ringOccupancyMost } = readRingCounts(memory);
  assertEquals([calls, ringOccupancyMost], [1610, 16]);
  assert(ringOccupancy > 1 && ringOccupancy < 16);
});

Deno.test("where calls are slow each is timed, where they are fast a few of them", () => {
  const timed = (callNs: number, calls: number) => {
    const { memory, call } = makeRing(() => callNs);
    for (let made = 0; made < calls; made++) call(1);
    const { latencies } = readRingCounts(memory);
    for (const [fromNs, toNs] of latencies) assert(fromNs <= callNs && callNs < toNs);
    return latencies.reduce((sum, [, , count]) => sum + count, 0);
  };
  assertEquals(timed(1_000_000, 200), 200);
  const fast = timed(500, 200_000);
  assert(fast > 200 && fast < 4000, `${fast} of 200,000 calls`);
});

Deno.test("counters outlive a generation, and go on in other memory; a lost call is not timed", () => {
  const { memory, client, server, call } = makeRing(() => 1000);
  call(3);
  client.submit(client.acquire(), 1, [], 0, 0, nobody);
  client.notify();
  assertEquals(client.detach().length, 1);
  const other = new SharedArrayBuffer(ringBytes(shape));
  moveRingCounts(memory, other);
  for (const each of [memory, other]) resetRing(each, 2);
  assertEquals(readRingCounts(other), readRingCounts(memory));
  client.attach(memory, 2, { ring: () => false });
  server.attach(2);
  call(2);
  const { calls, latencies } = readRingCounts(memory);
  assertEquals(calls, 5);
  assert(latencies.every(([, toNs]) => toNs < 10_000));
});

Deno.test("whatever a domain wrote there, what is read are counts", () => {
  const memory = new SharedArrayBuffer(ringBytes(shape));
  for (const value of [NaN, Infinity, -1]) {
    new Float64Array(memory, COUNTERS_AT, 60).fill(value);
    const { latencies: _, ...counts } = readRingCounts(memory);
    assertEquals(Object.values(counts), [0, 0, 0, 0, 0]);
  }
});
