// What is kept of connections for the next instance: the last whole copy, whenever the end comes.
import { assertEquals } from "@std/assert";
import { type Checkpoint, CHECKPOINT_BYTES, Checkpoints } from "./checkpoint.ts";
import type { Connection } from "./connection.ts";
import { State } from "./state.ts";

/** As much of a connection as is kept. */
function connection(una: number): Connection {
  return {
    state: State.ESTABLISHED,
    error: 0,
    handle: 8,
    localPort: 80,
    remotePort: 4000,
    iss: -5,
    una,
    nxt: una + 10,
    queued: una + 20,
    window: 1000,
    mostWindow: 2000,
    windowSequence: 3,
    windowAcknowledgement: 4,
    windowScale: 7,
    peerMss: 1460,
    recentTimestamp: 99,
    irs: 12,
    rcvNxt: 34,
    rcvEdge: 5000,
    rcvScale: 6,
    confirmed: 30,
    finAt: Infinity,
    six: false,
    chosen: true,
    finQueued: false,
    timestamps: true,
    selective: true,
    tentative: false,
    timestampOffset: 40,
    tcp: { clock: () => 2 },
    owner: {},
    path: { source: Uint8Array.of(10, 0, 2, 15), destination: Uint8Array.of(10, 0, 2, 2) },
  } as unknown as Connection;
}

/** The slot of a connection that was saved twice, in memory of its own. */
function savedTwice(): { memory: Uint8Array; slot: Checkpoint } {
  const memory = new Uint8Array(CHECKPOINT_BYTES);
  const slot = new Checkpoints(memory).take()!;
  slot.begin(connection(1));
  slot.save(connection(1));
  slot.save(connection(101), 150);
  return { memory, slot };
}

Deno.test("the next instance has a connection as it was last saved", () => {
  const { memory } = savedTwice();
  const next = new Checkpoints(memory);
  assertEquals(next.first, false);
  const [{ connection: saved }, ...others] = next.takeSaved();
  assertEquals(others, []);
  const { nxt: _nxt, timestamp: _timestamp, orphan: _orphan, source: _source, ...rest } = saved;
  const { destination: _destination, ...named } = rest;
  const kept = connection(101) as unknown as Record<string, unknown>;
  assertEquals(named, Object.fromEntries(Object.keys(named).map((name) => [name, kept[name]])));
  assertEquals([saved.una, saved.nxt, saved.queued, saved.confirmed], [101, 150, 121, 30]);
  assertEquals([saved.finAt, saved.timestamp, saved.orphan], [Infinity, 42, false]);
  assertEquals([saved.chosen, saved.finQueued, saved.selective], [true, false, true]);
  assertEquals([...saved.source, ...saved.destination], [10, 0, 2, 15, 10, 0, 2, 2]);
  assertEquals(next.takeSaved(), []);
});

Deno.test("one that ended while it saved leaves what it had saved before", () => {
  const { memory, slot } = savedTwice();
  // The clock is asked in the midst of saving: that is where this instance ends.
  const ending = connection(201);
  ending.tcp.clock = () => {
    throw new Error("the end");
  };
  try {
    slot.save(ending);
  } catch {
    // As wanted.
  }
  assertEquals(new Checkpoints(memory).takeSaved()[0].connection.una, 101);
});

Deno.test("what nobody needs to know of is not there, and its slot is given again", () => {
  const { memory, slot } = savedTwice();
  slot.clear();
  const next = new Checkpoints(memory);
  assertEquals(next.takeSaved(), []);
  let slots = 0;
  while (next.take() !== undefined) slots++;
  assertEquals(slots, 128);
});
