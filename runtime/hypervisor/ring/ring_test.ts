// A ring within one thread: order, wrap-around, and that each side refuses what the other must not write.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../../schemas/seeded_random.ts";
import { RingClient } from "./client.ts";
import {
  ENTRY_WORDS,
  Header,
  HEADER_BYTES,
  resetRing,
  RingBroken,
  ringBytes,
  type RingShape,
} from "./layout.ts";
import { type RingRequest, RingServer } from "./server.ts";

const shape = { depth: 8, arenaBytes: 8 * 256 };
const silent = { ring: () => false };

function pair(
  handle?: (server: RingServer, request: RingRequest) => void,
  shape: RingShape = { depth: 8, arenaBytes: 8 * 256 },
) {
  const memory = new SharedArrayBuffer(ringBytes(shape));
  resetRing(memory, 3);
  const client = new RingClient(memory, shape, 3, silent);
  const server: RingServer = new RingServer(memory, shape, 3, silent, (request) => {
    if (handle) handle(server, request);
    else server.complete(request.slot, request.args[0] * 2, 7, 5);
  });
  return { memory, client, server };
}

Deno.test("calls come back with their status, also after the indices have wrapped", () => {
  const { client, server } = pair();
  for (let round = 0; round < 100; round++) {
    const answers: number[] = [];
    for (let call = 0; call < 5; call++) {
      const slot = client.acquire();
      client.submit(slot, 9, [round * 10 + call], 0, 0, {
        complete: (status) => answers.push(status),
      });
    }
    client.publish();
    assertEquals(server.poll(), 5);
    server.publish();
    assertEquals(client.poll(), 5);
    assertEquals(answers, [0, 1, 2, 3, 4].map((call) => (round * 10 + call) * 2));
  }
  assertEquals(client.roundTrips, 500);
  assertEquals([client.transaction, client.durable], [7, 5]);
});

Deno.test("arguments and statuses beyond 32 bits, and negative ones, survive", () => {
  const values = [0, -1, 2 ** 31, -(2 ** 31), 2 ** 32 + 5, 2 ** 52, -(2 ** 40) - 3];
  const { client, server } = pair((server, request) =>
    server.complete(request.slot, request.args[1], 2 ** 40, 0)
  );
  for (const value of values) {
    let status = NaN;
    client.submit(client.acquire(), 1, [0, value], 0, 0, { complete: (answer) => status = answer });
    client.publish();
    server.poll();
    server.publish();
    client.poll();
    assertEquals(status, value);
  }
  assertEquals(client.transaction, 2 ** 40);
});

Deno.test("a full ring has no slot to give", () => {
  const { client } = pair();
  const slots = Array.from({ length: 8 }, () => client.acquire());
  assertEquals(new Set(slots).size, 8);
  assertEquals(client.acquire(), -1);
});

Deno.test("a server that died leaves its callers to be answered", () => {
  const { memory, client } = pair();
  const lost: number[] = [];
  for (let call = 0; call < 3; call++) {
    client.submit(client.acquire(), 1, [], 0, 0, { complete: (status) => lost.push(status) });
  }
  for (const completer of client.detach()) completer.complete(-5, 0);
  assertEquals(lost, [-5, -5, -5]);
  resetRing(memory, 4);
  client.attach(memory, 4, silent);
  const server: RingServer = new RingServer(
    memory,
    shape,
    4,
    silent,
    (request) => server.complete(request.slot, 1, 0, 0),
  );
  let status = 0;
  client.submit(client.acquire(), 1, [], 0, 0, { complete: (answer) => status = answer });
  client.publish();
  server.poll();
  server.publish();
  client.poll();
  assertEquals(status, 1);
});

Deno.test("a completion of an old generation, or of a call nobody made, breaks the ring", () => {
  for (const identity of [0 | 2 << 16, 5 | 3 << 16, 0xffff | 3 << 16]) {
    const { memory, client } = pair();
    client.submit(client.acquire(), 1, [], 0, 0, { complete: () => {} });
    const completions = new Int32Array(memory, HEADER_BYTES + shape.depth * 64);
    completions[0] = identity;
    new Int32Array(memory)[Header.COMPLETION_TAIL] = 1;
    assertThrows(() => client.poll(), RingBroken);
  }
});

Deno.test("garbage in every field of a request is refused: 100,000 tries", () => {
  const seed = 20131103;
  const next = seededRandom(seed);
  let refused = 0, broken = 0, served = 0;
  const fresh = () => ({
    sent: 0,
    ...pair((server, request) => {
      assert(request.payload.length <= 256);
      for (const argument of request.args) assert(Number.isInteger(argument));
      served++;
      server.complete(request.slot, 0, 0, 0);
    }),
  });
  let ring = fresh();
  for (let attempt = 0; attempt < 100_000; attempt++) {
    if (attempt % 50 === 0 || ring.client.room === 0) ring = fresh();
    const words = new Int32Array(ring.memory);
    ring.client.submit(ring.client.acquire(), 9, [1, 2, 3], 0, 16, { complete: () => {} });
    ring.client.publish();
    const field = next() % 17;
    const at = HEADER_BYTES / 4 + (ring.sent++ % shape.depth) * ENTRY_WORDS;
    words[field < 16 ? at + field : Header.REQUEST_TAIL] = next();
    const refusedBefore = ring.server.refused;
    try {
      ring.server.poll();
      ring.server.publish();
      ring.client.poll();
    } catch (failure) {
      if (!(failure instanceof RingBroken)) {
        throw new Error(`seed ${seed}, attempt ${attempt}: ${failure}`);
      }
      broken++;
      ring = fresh();
      continue;
    }
    refused += ring.server.refused - refusedBefore;
  }
  assert(
    refused > 1000 && broken > 1000 && served > 1000,
    `${refused} refused, ${broken} broken, ${served} served`,
  );
});

Deno.test("garbage in every field of a completion is refused: 100,000 tries", () => {
  const seed = 424242;
  const next = seededRandom(seed);
  let broken = 0, served = 0;
  let ring = pair();
  for (let attempt = 0; attempt < 100_000; attempt++) {
    if (attempt % 20 === 0) ring = pair();
    const { memory, client, server } = ring;
    const words = new Int32Array(memory);
    const head = words[Header.COMPLETION_TAIL];
    client.submit(client.acquire(), 9, [1], 0, 0, { complete: () => served++ });
    client.publish();
    server.poll();
    server.publish();
    const completion = HEADER_BYTES / 4 + (shape.depth + head % shape.depth) * ENTRY_WORDS;
    const field = next() % 17;
    words[field < 16 ? completion + field : Header.COMPLETION_TAIL] = next();
    try {
      client.poll();
    } catch (failure) {
      if (!(failure instanceof RingBroken)) {
        throw new Error(`seed ${seed}, attempt ${attempt}: ${failure}`);
      }
      broken++;
      ring = pair();
    }
  }
  assert(broken > 5000 && served > 50_000, `${broken} broken, ${served} served`);
});

Deno.test("where calls trap, the server says what it has settled: answered, or put aside", () => {
  const aside: number[] = [];
  const { client, server } = pair((server, request) => {
    if (request.number === 1) aside.push(request.slot);
    else server.complete(request.slot, 0, 0, 0);
  }, { ...shape, style: "trap" });
  const answers: string[] = [];
  const call = (number: number, name: string) => {
    const complete = () => void answers.push(name);
    client.submit(client.acquire(), number, [], 0, 0, { complete });
    client.notify();
    assertEquals(client.settled, false);
    server.poll();
    assertEquals(client.settled, false, "only the end of the server's turn settles");
    server.notify();
    assertEquals(client.settled, true);
    client.poll();
  };
  call(1, "one that waits");
  assertEquals(answers, []);
  call(2, "one that is answered");
  assertEquals(answers, ["one that is answered"]);
  server.complete(aside[0], 0, 0, 0);
  server.notify();
  client.poll();
  assertEquals(answers, ["one that is answered", "one that waits"]);
});
