// Frames across a ring: they arrive as they were and in order, those of a turn together; a full queue holds
// senders up; a driver that dies loses some and breaks none; and neither end believes the other.
import { assert, assertEquals, assertGreater } from "@std/assert";
import { seededRandom } from "../../../../schemas/seeded_random.ts";
import { resetRing, ringBytes } from "../../../hypervisor/ring/layout.ts";
import { Tasks } from "../../coroutine.ts";
import type { FrameDevice, TransmitOffload } from "../../network/frame_device.ts";
import { Connection } from "../transport/connection.ts";
import { FrameClient, FrameServer } from "./frames.ts";
import { ServiceServer } from "../transport/service_server.ts";

const shape = { depth: 8, arenaBytes: 8 * 65600 };
const silent = { ring: () => false };

/** A device that keeps what it is to send, up to a bound, until it is asked for. */
class Wire implements FrameDevice {
  readonly mac = Uint8Array.of(2, 0, 0, 0, 0, 7);
  readonly mtu = 9000;
  readonly checksumsSent = true;
  readonly segmentsSent = true;
  received: FrameDevice["received"] = () => {};
  writable: FrameDevice["writable"] = () => {};
  room = Infinity;
  #full = false;
  readonly #sent: [Uint8Array, TransmitOffload | undefined][] = [];

  send(length: number, fill: (into: Uint8Array) => void, offload?: TransmitOffload): boolean {
    if (this.#sent.length >= this.room) {
      this.#full = true;
      return false;
    }
    const frame = new Uint8Array(length);
    fill(frame);
    this.#sent.push([frame, offload]);
    return true;
  }

  take(): [Uint8Array, TransmitOffload | undefined][] {
    const sent = this.#sent.splice(0);
    if (this.#full) {
      this.#full = false;
      this.writable();
    }
    return sent;
  }
}

class World {
  readonly memory = new ArrayBuffer(ringBytes(shape));
  readonly tasks = new Tasks(() => 0);
  readonly accusations: string[] = [];
  readonly connection = new Connection(
    this.memory,
    shape,
    0,
    silent,
    (reason) => this.accusations.push(reason),
  );
  readonly client = new FrameClient(this.connection);
  readonly came: [Uint8Array, boolean][] = [];
  wire!: Wire;
  server!: ServiceServer;
  frames!: FrameServer;
  #serverTasks!: Tasks;
  #generation = 0;

  constructor() {
    this.client.received = (frame, verified) => this.came.push([frame.slice(), verified]);
    this.connection.lose("down");
  }

  /** A driver, on a wire of its own. */
  start(): void {
    this.wire = new Wire();
    this.frames = new FrameServer(this.wire);
    this.#serverTasks = new Tasks(() => 0);
    this.server = new ServiceServer(this.memory, shape, silent, this.frames, this.#serverTasks);
    resetRing(this.memory, ++this.#generation);
    this.server.up(this.#generation);
    this.connection.restore(this.memory, this.#generation, silent);
  }

  /** One turn of both. @returns how much was done */
  turn(): number {
    this.connection.notify();
    let done = this.connection.state === "up" ? this.server.poll() : 0;
    done += this.#serverTasks.run();
    this.server.notify();
    return done + this.connection.poll() + this.tasks.run();
  }

  settle(): void {
    while (this.turn() > 0);
  }

  send(frame: Uint8Array, offload?: TransmitOffload): boolean {
    return this.client.send(frame.length, (into) => into.set(frame), offload);
  }
}

const SIZES = [14, 60, 61, 1514, 9014, 65550];

function someFrame(next: () => number, length = SIZES[next() % SIZES.length]): Uint8Array {
  const first = next();
  return new Uint8Array(length).map((_, at) => first + at * 7);
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

function offloadOf(next: () => number): TransmitOffload | undefined {
  if (next() % 2 === 0) return undefined;
  const [checksumStart, checksumOffset, segmentBytes, headerBytes] = [34, 16, next() & 0xffff, 66];
  return { checksumStart, checksumOffset, segmentBytes, headerBytes };
}

function ready(): World {
  const world = new World();
  world.start();
  let there: boolean | undefined;
  world.tasks.spawn(world.client.probe(), (value) => there = value);
  world.settle();
  assertEquals(there, true);
  return world;
}

Deno.test("frames across a ring: the interface is the driver's", () => {
  const { client, wire } = ready();
  const { mac, mtu, checksumsSent, segmentsSent } = client;
  assertEquals([mac, mtu, checksumsSent, segmentsSent], [wire.mac, 9000, true, true]);
});

Deno.test("frames across a ring: both ways as they were, and in order", () => {
  const seed = 3, next = seededRandom(seed), world = ready();
  for (let round = 0; round < 300; round++) {
    const out = Array.from(
      { length: next() % 6 },
      () => [someFrame(next), offloadOf(next)] as const,
    ).filter(([frame, offload]) => world.send(frame, offload));
    const back = Array.from(
      { length: next() % 6 },
      () => [someFrame(next), next() % 2 === 0] as [Uint8Array, boolean],
    );
    const dropped = world.frames.dropped;
    for (const [frame, verified] of back) world.wire.received(frame, verified);
    world.settle();
    assertEquals(world.wire.take().map((each) => [...each]), out.map((each) => [...each]));
    const came = world.came.splice(0);
    assertEquals(came.length + world.frames.dropped - dropped, back.length, `seed ${seed}`);
    // What is too much at once is lost, and the rest comes in its order.
    const kept = back.filter(([frame]) => came.some(([each]) => same(each, frame)));
    assertEquals(came, kept);
  }
});

Deno.test("frames across a ring: those of a turn are one call", () => {
  const world = ready(), next = seededRandom(4);
  const before = world.server.ring.calls, answers = world.connection.ring.answers;
  for (let count = 0; count < 20; count++) world.send(someFrame(next, 1514));
  for (let count = 0; count < 20; count++) world.wire.received(someFrame(next, 1514), true);
  world.turn();
  // One that sends; one that waited, and waits anew.
  assertEquals(world.connection.ring.answers - answers, 2);
  world.settle();
  assertEquals([world.server.ring.calls - before, world.came.length], [2, 20]);
});

Deno.test("frames across a ring: a full queue holds senders up, and nothing is lost or overtaken", () => {
  const seed = 5, next = seededRandom(seed), world = ready();
  world.wire.room = 3;
  let writable = 0, blocked = 0;
  world.client.writable = () => writable++;
  const sent: Uint8Array[] = [], arrived: Uint8Array[] = [];
  while (sent.length < 1000) {
    const frame = someFrame(next);
    if (world.send(frame)) sent.push(frame);
    else blocked++;
    if (next() % 3 === 0) arrived.push(...world.wire.take().map(([each]) => each));
    if (next() % 2 === 0) world.turn();
  }
  for (let turn = 0; turn < 3000; turn++) {
    arrived.push(...world.wire.take().map(([each]) => each));
    world.turn();
  }
  assertEquals(arrived, sent, `seed ${seed}`);
  assertGreater(Math.min(writable, blocked), 10);
});

Deno.test("frames across a ring: drivers die, and what arrives is whole and in order", () => {
  const seed = 6, next = seededRandom(seed), world = ready();
  let writable = true, sent = 0, last = -1, arrived = 0, lastBack = -1;
  world.client.writable = () => writable = true;
  const numbered = (number: number) => {
    const frame = new Uint8Array(1000).fill(number);
    new DataView(frame.buffer).setUint32(0, number);
    return frame;
  };
  const number = (frame: Uint8Array) => {
    const value = new DataView(frame.buffer, frame.byteOffset).getUint32(0);
    assertEquals(frame, numbered(value), `seed ${seed}`);
    return value;
  };
  for (let round = 0; round < 4000; round++) {
    for (let count = next() % 4; count > 0 && writable; count--) {
      if (world.send(numbered(sent))) sent++;
      else writable = false;
    }
    if (next() % 2 === 0) world.wire.received(numbered(round), false);
    if (next() % 60 === 0) {
      world.connection.lose("down");
      assertEquals(world.send(numbered(0)), false);
      writable = false;
      world.start();
    }
    world.turn();
    for (const [frame] of world.wire.take()) {
      assert(number(frame) > last, `seed ${seed}: a frame came twice, or late`);
      last = number(frame);
      arrived++;
    }
    for (const [frame] of world.came.splice(0)) {
      assert(number(frame) > lastBack);
      lastBack = number(frame);
    }
  }
  assertGreater(arrived, sent * 0.9);
  assertGreater(lastBack, 3900);
  world.connection.lose("gone");
  assertEquals(world.send(numbered(0)), true, "nobody is kept waiting for nobody");
});

Deno.test("frames across a ring: of a client that is gone nothing stays under way", () => {
  const world = ready();
  assertEquals(world.server.ring.inFlight, 2);
  assertEquals(world.server.down(), true);
});

Deno.test("frames across a ring: a client may write what it likes", () => {
  const seed = 7, next = seededRandom(seed), world = ready();
  for (let round = 0; round < 2000; round++) {
    for (let count = 0; count < 3; count++) world.send(someFrame(next, 60));
    const { ring } = world.connection;
    // In the middle of what it has written and not sent yet.
    for (let slot = 0; slot < ring.depth; slot++) {
      const at = ring.payloadOffset(slot) + 8 * (next() % 30);
      for (let index = 0; index < 6; index++) ring.arena[at + index] = next();
    }
    world.settle();
    for (const [frame] of world.wire.take()) assert(frame.length <= 65550);
  }
  assertEquals(world.accusations, []);
});

Deno.test("frames across a ring: a driver that answers nonsense is accused, and harms nobody", () => {
  const seed = 8, next = seededRandom(seed);
  let accused = 0;
  for (let attempt = 0; attempt < 500; attempt++) {
    const world = ready();
    for (let count = 0; count < 3; count++) world.wire.received(someFrame(next, 60), false);
    world.server.poll();
    world.server.notify();
    const { ring } = world.connection;
    for (let slot = 0; slot < ring.depth; slot++) {
      const at = ring.payloadOffset(slot) + 4 * (next() % 50);
      for (let index = 0; index < 4; index++) ring.arena[at + index] = next();
    }
    world.connection.poll();
    for (const [frame] of world.came) assert(frame.length < 200);
    if (world.accusations.length === 0) continue;
    accused++;
    assertEquals(world.connection.state, "down");
    world.start();
    world.settle();
    world.wire.received(someFrame(next, 60), false);
    world.settle();
    assertEquals(world.came.at(-1)![0].length, 60);
  }
  assertGreater(accused, 10);
});
