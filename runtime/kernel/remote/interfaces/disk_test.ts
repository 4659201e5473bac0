// A disk driver on the other side of a ring dies again and again under writes and reads: with `retry`
// who uses the disk notices nothing, with `error` what was under way fails. The disk itself goes on.
import { assert, assertEquals } from "@std/assert";
import type { ClientContract } from "../../../../schemas/plan.ts";
import { seededRandom } from "../../../../schemas/seeded_random.ts";
import { Header, resetRing, ringBytes } from "../../../hypervisor/ring/layout.ts";
import { TestDisk } from "../../../../tests/storage/test_disk.ts";
import { type BlockRequest, blockRequest, SECTOR_BYTES } from "../../block/block_device.ts";
import { Tasks } from "../../coroutine.ts";
import { createDomainMemory } from "../../domain_memory.ts";
import type { Environment } from "../../environment.ts";
import { Connection } from "../transport/connection.ts";
import { DiskClient, DiskServer } from "./disk.ts";
import { ServiceServer } from "../transport/service_server.ts";

const shape = { depth: 8, arenaBytes: 8 * 8192 };
const silent = { ring: () => false };
const DISK_BYTES = 64 << 10;

function environmentOf(bytes: number): Environment {
  return {
    nowNs: () => 0,
    realtimeNs: () => 0n,
    random: () => {},
    tasks: new Tasks(() => 0),
    memory: createDomainMemory(new ArrayBuffer(bytes), 0),
    log: () => {},
  };
}

class World {
  readonly bytes = new Uint8Array(DISK_BYTES);
  readonly memory = new ArrayBuffer(ringBytes(shape));
  readonly environment = environmentOf(0);
  readonly connection = new Connection(this.memory, shape, 0, silent, (reason) => {
    throw new Error(reason);
  });
  readonly disk: DiskClient;
  driver!: { disk: TestDisk; server: ServiceServer; tasks: Tasks };
  #generation = 0;

  constructor(contract: ClientContract, private readonly next: () => number) {
    this.disk = new DiskClient(this.connection, contract, this.environment);
    this.connection.lose("down");
    this.start();
    this.environment.tasks.spawn(this.disk.probe());
    this.settle();
  }

  /** A driver on the same disk. */
  start(): void {
    const environment = environmentOf(1 << 20);
    const disk = new TestDisk(this.bytes, this.next);
    const service = new DiskServer(disk, environment, shape);
    const { tasks } = environment;
    const server = new ServiceServer(this.memory, shape, silent, service, tasks);
    this.driver = { disk, server, tasks };
    resetRing(this.memory, ++this.#generation);
    server.up(this.#generation);
    this.connection.restore(this.memory, this.#generation, silent);
  }

  die(): void {
    this.connection.lose("down");
    this.environment.tasks.run();
  }

  /** One turn of everybody. @returns how much was done */
  turn(diskWorks = true): number {
    const { disk, server, tasks } = this.driver;
    this.connection.notify();
    let done = this.connection.state === "up" ? server.poll() : 0;
    if (diskWorks) done += disk.poll();
    done += tasks.run();
    server.notify();
    return done + this.connection.poll() + this.environment.tasks.run();
  }

  settle(): void {
    while (this.turn() > 0);
  }

  submit(operation: BlockRequest["operation"], sector = 0, ...buffers: Uint8Array[]): BlockRequest {
    const pieces = buffers.map((bytes) => ({ address: 0, bytes }));
    const request = blockRequest(operation, sector, pieces);
    this.disk.submit(request);
    return request;
  }
}

/** Up to 16 sectors in one to three buffers, in a row or with something between them. */
function someBuffers(next: () => number): Uint8Array[] {
  const sectors = Array.from({ length: 1 + next() % 3 }, () => 1 + next() % 5);
  const gap = (next() % 2) * SECTOR_BYTES;
  const memory = new Uint8Array(sectors.reduce((sum, each) => sum + each * SECTOR_BYTES + gap, 0));
  let at = 0;
  return sectors.map((count) => {
    const buffer = memory.subarray(at, at + count * SECTOR_BYTES);
    at += buffer.length + gap;
    return buffer;
  });
}

function joined(buffers: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(buffers.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const buffer of buffers) {
    bytes.set(buffer, at);
    at += buffer.length;
  }
  return bytes;
}

Deno.test("the disk behind the ring is what the driver has", () => {
  const { disk } = new World("retry", () => 0);
  assertEquals(
    [disk.sectors, disk.readOnly, disk.flushes, disk.discards, disk.maxBytes],
    [DISK_BYTES / SECTOR_BYTES, false, true, true, 8192],
  );
});

Deno.test("retry: 300 deaths under random writes, reads and flushes, and the disk is right", () => {
  const seed = 20131104;
  const next = seededRandom(seed);
  const world = new World("retry", next);
  const expected = new Uint8Array(DISK_BYTES);
  for (let round = 0; round < 300; round++) {
    const places = [0, 1, 2, 3, 4, 5].map((each) => (each * 20 + next() % 4) * SECTOR_BYTES);
    const under = places.map((place) => {
      const buffers = someBuffers(next);
      if (next() % 2 === 0) {
        return { place, buffers, request: world.submit("read", place / SECTOR_BYTES, ...buffers) };
      }
      for (const buffer of buffers) buffer.fill(next());
      expected.set(joined(buffers), place);
      return { place, buffers, request: world.submit("write", place / SECTOR_BYTES, ...buffers) };
    });
    const flush = world.submit("flush");
    for (let turns = next() % 12; turns > 0; turns--) world.turn(next() % 2 === 0);
    world.die();
    world.start();
    world.settle();
    assertEquals(flush.status, "ok");
    for (const { place, buffers, request } of under) {
      assertEquals(request.status, "ok", `seed ${seed}, round ${round}`);
      if (request.operation === "read") {
        const bytes = joined(buffers);
        assertEquals(bytes, expected.slice(place, place + bytes.length));
      }
    }
    assertEquals(world.bytes, expected);
  }
});

Deno.test("error: what was under way fails, and what comes later goes to the next driver", () => {
  const world = new World("error", () => 0);
  const lost = world.submit("write", 0, new Uint8Array(512).fill(1));
  world.turn(false);
  world.die();
  assertEquals(lost.status, "io-error");
  assertEquals(world.submit("flush").status, "io-error");
  world.start();
  const later = world.submit("write", 1, new Uint8Array(512).fill(2));
  world.settle();
  assertEquals([later.status, world.bytes[512]], ["ok", 2]);
});

Deno.test("a driver that is gone for good fails what waits for it, under both contracts", () => {
  for (const contract of ["retry", "error"] as const) {
    const world = new World(contract, () => 0);
    const waiting = world.submit("read", 0, new Uint8Array(512));
    world.turn(false);
    world.connection.lose("gone");
    world.environment.tasks.run();
    assertEquals(waiting.status, "io-error");
  }
});

Deno.test("a client that writes nonsense is accused; the driver takes nothing more of it, and goes on", () => {
  const world = new World("retry", () => 0);
  const { tasks, disk } = world.driver;
  const environment = environmentOf(1 << 20);
  const accusations: string[] = [];
  const service = new DiskServer(disk, environment, shape);
  const server = new ServiceServer(
    world.memory,
    shape,
    silent,
    service,
    tasks,
    (reason) => accusations.push(reason),
  );
  resetRing(world.memory, 5);
  server.up(5);
  const header = new Int32Array(world.memory);
  header[Header.REQUEST_TAIL] = shape.depth + 1;
  assertEquals(server.poll(), 1);
  assertEquals([accusations.length, server.poll(), server.pending()], [1, 0, false]);
  assert(server.down());
  resetRing(world.memory, 6);
  server.up(6);
  world.connection.restore(world.memory, 6, silent);
  world.driver.server = server;
  const flush = world.submit("flush");
  world.settle();
  assertEquals(flush.status, "ok");
});

Deno.test("a driver finishes what a client that died left under way before it says that it let go", () => {
  const world = new World("retry", () => 0);
  world.submit("write", 0, new Uint8Array(512).fill(9));
  world.turn(false);
  const { server } = world.driver;
  assertEquals(server.down(), false);
  world.driver.disk.poll();
  world.driver.tasks.run();
  assert(server.down());
  assertEquals(world.bytes[0], 9);
});
