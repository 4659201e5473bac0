// What a client keeps of a server's files is what the server has, whatever happens in which order.
import { assert, assertEquals } from "@std/assert";
import { seededFraction } from "../../../../schemas/seeded_random.ts";
import { E } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import { PAGE_BYTES } from "./page_pool.ts";
import { FilesWorld } from "./testing/files_world.ts";

const FILE = 7;
const pageOf = (value: number) => new Uint8Array(PAGE_BYTES).fill(value);

/** A world with a file of some pages, each filled with its number and one. */
function worldOfPages(pages: number, frames = 64): { world: FilesWorld; handle: number } {
  const world = new FilesWorld(frames);
  const bytes = new Uint8Array(pages * PAGE_BYTES);
  for (let page = 0; page < pages; page++) bytes.set(pageOf(page + 1), page * PAGE_BYTES);
  world.files.set(FILE, bytes);
  return { world, handle: world.open(FILE) };
}

/** Reads a page until it is kept. */
function warm(world: FilesWorld, handle: number, page: number): void {
  for (let time = 0; time < 2; time++) world.read(handle, page * PAGE_BYTES, PAGE_BYTES);
}

Deno.test("what was read does not cross again, as long as nothing has to go for it", () => {
  const { world, handle } = worldOfPages(4);
  warm(world, handle, 2);
  assertEquals(world.reads.length, 1);
  assertEquals(world.held(handle, 2 * PAGE_BYTES, PAGE_BYTES), pageOf(3));
  assertEquals(world.held(handle, 2 * PAGE_BYTES + 100, 50), pageOf(3).subarray(0, 50));
  assertEquals(world.reads.length, 1);
  assertEquals([world.cache.hits, world.cache.misses], [3, 1]);
});

Deno.test("with every frame in use a page takes one when it is asked for again", () => {
  const { world, handle } = worldOfPages(5, 2);
  for (const page of [0, 2]) warm(world, handle, page);
  world.read(handle, 4 * PAGE_BYTES, PAGE_BYTES);
  assertEquals(world.held(handle, 4 * PAGE_BYTES, PAGE_BYTES), undefined);
  for (const page of [0, 2]) assert(world.held(handle, page * PAGE_BYTES, PAGE_BYTES));
  world.read(handle, 4 * PAGE_BYTES, PAGE_BYTES);
  assertEquals(world.held(handle, 4 * PAGE_BYTES, PAGE_BYTES), pageOf(5));
});

Deno.test("a small read brings its page, and one that goes on what follows", () => {
  const { world, handle } = worldOfPages(40);
  world.read(handle, 5 * PAGE_BYTES + 10, 20);
  world.read(handle, 5 * PAGE_BYTES + 900, 20);
  assertEquals(world.reads, [[FILE, 5 * PAGE_BYTES, PAGE_BYTES]]);
  world.reads.length = 0;
  for (let page = 10; page < 40; page++) {
    assertEquals(world.read(handle, page * PAGE_BYTES, PAGE_BYTES), pageOf(page + 1));
  }
  assertEquals(world.reads, [
    [FILE, 10 * PAGE_BYTES, PAGE_BYTES],
    [FILE, 11 * PAGE_BYTES, 16 * PAGE_BYTES],
    [FILE, 27 * PAGE_BYTES, 16 * PAGE_BYTES],
  ]);
});

Deno.test("the end of a file is kept until it may be elsewhere", () => {
  const world = new FilesWorld(8);
  world.files.set(FILE, new Uint8Array(PAGE_BYTES + 100).fill(9));
  const handle = world.open(FILE);
  for (let time = 0; time < 2; time++) world.read(handle, 0, 2 * PAGE_BYTES);
  assertEquals(world.held(handle, PAGE_BYTES, PAGE_BYTES)?.length, 100);
  assertEquals(world.held(handle, PAGE_BYTES + 100, 10)?.length, 0);
  assertEquals(world.held(handle, 2 ** 40, 10)?.length, 0);
  // Appended behind the end: the whole page before it stays.
  world.call(Call.PWRITE64, [handle, 0, 1], new Uint8Array(10).fill(8));
  assertEquals(world.held(handle, 0, PAGE_BYTES)?.length, PAGE_BYTES);
  assertEquals(world.held(handle, PAGE_BYTES, PAGE_BYTES), undefined);
  world.settle();
  assertEquals(world.read(handle, PAGE_BYTES, PAGE_BYTES).length, 110);
});

Deno.test("a write takes its pages away when it is sent, and gives whole ones back when it is done", () => {
  const { world, handle } = worldOfPages(4);
  for (let page = 0; page < 4; page++) warm(world, handle, page);
  const bytes = new Uint8Array(2 * PAGE_BYTES).fill(50);
  const write = world.begin(Call.PWRITE64, [handle, PAGE_BYTES / 2, 0], bytes);
  // The program may use its buffer again at once; the server was sent what was in it.
  bytes.fill(51);
  assertEquals(world.held(handle, 3 * PAGE_BYTES, PAGE_BYTES), pageOf(4), "not written to");
  for (const page of [0, 1, 2]) {
    assertEquals(world.held(handle, page * PAGE_BYTES, PAGE_BYTES), undefined);
  }
  world.settle();
  assertEquals(write.status, bytes.length);
  world.reads.length = 0;
  assertEquals(world.held(handle, PAGE_BYTES, PAGE_BYTES), pageOf(50), "written as a whole");
  assertEquals(world.held(handle, 0, PAGE_BYTES), undefined, "written in part");
  world.settle();
  assertEquals(world.read(handle, 0, PAGE_BYTES).subarray(2048), pageOf(50).subarray(2048));
});

Deno.test("a write that was not done as a whole leaves nothing of it", () => {
  const { world, handle } = worldOfPages(4);
  warm(world, handle, 1);
  world.roomBytes = 100;
  assertEquals(world.write(handle, PAGE_BYTES, pageOf(60)), 100);
  assertEquals(world.held(handle, PAGE_BYTES, PAGE_BYTES), undefined);
  world.settle();
  const expected = pageOf(2);
  expected.fill(60, 0, 100);
  assertEquals(world.read(handle, PAGE_BYTES, PAGE_BYTES), expected);
});

Deno.test("a write that waits for room in the ring is what is in its buffer when it is sent", () => {
  const { world, handle } = worldOfPages(40);
  for (const page of [0, 39]) warm(world, handle, page);
  while (world.connection.ring.room > 0) world.begin(Private.NULL, []);
  const bytes = pageOf(60);
  world.begin(Call.PWRITE64, [handle, 0, 0], bytes);
  bytes.fill(61);
  world.settle();
  world.read(handle, 0, PAGE_BYTES);
  assertEquals(world.held(handle, 0, PAGE_BYTES), pageOf(61));
  assertEquals(world.held(handle, 39 * PAGE_BYTES, PAGE_BYTES), pageOf(40));
});

Deno.test("a read in several parts may be written over before it is whole, and is not kept", () => {
  const { world, handle } = worldOfPages(40);
  const whole = new Uint8Array(40 * PAGE_BYTES);
  world.call(Call.PREAD64, [handle, 0], whole);
  const read = world.begin(Call.PREAD64, [handle, 0], whole);
  world.arrive();
  world.answer(world.taken[0]);
  world.see();
  whole.fill(99, 0, PAGE_BYTES);
  world.settle();
  assertEquals(read.status, whole.length);
  assertEquals(world.held(handle, 0, PAGE_BYTES), undefined);
});

Deno.test("an open that emptied a file and failed leaves nothing of it", () => {
  const { world, handle } = worldOfPages(4);
  warm(world, handle, 0);
  world.failsOpened = true;
  const name = new Uint8Array(64).fill(FILE, 0, 1);
  assertEquals(world.call(Private.CREATE, [handle, 1, O.RDWR | O.TRUNC, 0], name), -E.EIO);
  assertEquals(world.read(handle, 0, PAGE_BYTES).length, 0);
});

Deno.test("what is read while a change is under way is not kept", () => {
  const handle = 0;
  for (
    const [number, args, payload] of [
      [Call.PWRITE64, [handle, 0, 0], pageOf(70)],
      [Call.PWRITE64, [handle, 0, 1], pageOf(71)],
      [Call.FTRUNCATE, [handle, 2 * PAGE_BYTES]],
      [Call.FALLOCATE, [handle, 3, 0, PAGE_BYTES]],
      [Private.OPEN, [handle, O.RDWR | O.TRUNC]],
      [Private.CREATE, [0, 1, O.RDWR | O.TRUNC, 0], new Uint8Array(64).fill(FILE, 0, 1)],
    ] as [number, number[], Uint8Array?][]
  ) {
    const { world } = worldOfPages(4);
    world.read(handle, 0, PAGE_BYTES);
    // The read is carried out before the change, and answered after it was sent.
    const early = world.begin(Call.PREAD64, [handle, 0], new Uint8Array(PAGE_BYTES));
    if (early.status === undefined) {
      world.arrive();
      world.carryOut(world.taken[0]);
    }
    const change = world.begin(number, args, payload);
    // Another one is sent after the change, and carried out before it.
    const late = world.begin(Call.PREAD64, [handle, 0], new Uint8Array(PAGE_BYTES));
    world.arrive();
    const [changing] = world.taken.filter(({ request }) => request.number === number);
    for (const each of [...world.taken]) if (each !== changing) world.answer(each);
    world.see();
    assert(early.status !== undefined && late.status !== undefined);
    world.answer(changing);
    world.see();
    assert(change.status! >= 0);
    const after = world.held(handle, 0, PAGE_BYTES);
    if (after !== undefined) assertEquals(after, world.files.get(FILE)!.subarray(0, PAGE_BYTES));
    world.settle();
  }
});

Deno.test("a write that the file became too short for makes it longer again", () => {
  const { world, handle } = worldOfPages(4);
  for (let page = 0; page < 4; page++) warm(world, handle, page);
  const write = world.begin(Call.PWRITE64, [handle, 3 * PAGE_BYTES, 0], pageOf(70));
  const cut = world.begin(Call.FTRUNCATE, [handle, 2 * PAGE_BYTES + 100]);
  world.arrive();
  const [first, second] = world.taken;
  world.answer(second);
  world.see();
  assertEquals(cut.status, 0);
  // The end that these find is not the end of it.
  for (let time = 0; time < 2; time++) {
    world.begin(Call.PREAD64, [handle, 2 * PAGE_BYTES], new Uint8Array(PAGE_BYTES));
    world.arrive();
    world.answer(world.taken[1]);
    world.see();
  }
  world.answer(first);
  world.see();
  assertEquals(write.status, PAGE_BYTES);
  assertEquals(world.held(handle, 2 * PAGE_BYTES, PAGE_BYTES), undefined);
  assertEquals(world.read(handle, 2 * PAGE_BYTES, 2 * PAGE_BYTES).length, 2 * PAGE_BYTES);
});

Deno.test("a read that began before a file was emptied by name leaves nothing", () => {
  const { world, handle } = worldOfPages(4);
  world.begin(Call.PREAD64, [handle, 0], new Uint8Array(PAGE_BYTES));
  world.arrive();
  const [read] = world.taken;
  world.carryOut(read);
  const name = new Uint8Array(64).fill(FILE, 0, 1);
  world.begin(Private.CREATE, [handle, 1, O.RDWR | O.TRUNC, 0], name);
  world.arrive();
  world.answer(world.taken[1]);
  world.see();
  world.answer(read);
  world.see();
  assertEquals(world.held(handle, 0, PAGE_BYTES), undefined);
});

Deno.test("reads and writes elsewhere in a file do not keep a read from being kept", () => {
  const { world, handle } = worldOfPages(8);
  for (const page of [6, 7]) warm(world, handle, page);
  world.read(handle, 0, PAGE_BYTES);
  world.begin(Call.PWRITE64, [handle, 6 * PAGE_BYTES, 0], pageOf(70));
  world.begin(Call.PREAD64, [handle, 0], new Uint8Array(PAGE_BYTES));
  world.begin(Call.PWRITE64, [handle, 7 * PAGE_BYTES, 0], pageOf(71));
  world.settle();
  for (const [page, value] of [[0, 1], [6, 70], [7, 71]]) {
    assertEquals(world.held(handle, page * PAGE_BYTES, PAGE_BYTES), pageOf(value));
  }
});

Deno.test("two handles of a file are one file, and one for writing alone reads nothing", () => {
  const { world, handle } = worldOfPages(4);
  const other = world.open(FILE, O.WRONLY);
  warm(world, handle, 0);
  world.write(other, 0, pageOf(80));
  assertEquals(world.held(handle, 0, PAGE_BYTES), pageOf(80));
  assertEquals(world.held(other, 0, PAGE_BYTES), undefined);
});

Deno.test("what changes by itself is not kept, and who asks for the device gets it", () => {
  const { world } = worldOfPages(4);
  world.unsteady.add(FILE);
  const changing = world.open(FILE);
  warm(world, changing, 0);
  assertEquals(world.held(changing, 0, PAGE_BYTES), undefined);
  world.unsteady.delete(FILE);
  world.settle();
  const direct = world.open(FILE, O.RDWR | O.DIRECT);
  warm(world, direct, 0);
  assertEquals(world.held(direct, 0, PAGE_BYTES), undefined);
});

Deno.test("nothing is used while the server is away, and nothing of it afterwards", () => {
  const { world, handle } = worldOfPages(4);
  warm(world, handle, 0);
  const files = new Map(world.files);
  world.connection.lose("down");
  assertEquals(world.held(handle, 0, PAGE_BYTES), undefined);
  world.replace(files);
  world.settle();
  world.reads.length = 0;
  assertEquals(world.read(handle, 0, PAGE_BYTES), pageOf(1));
  assertEquals(world.reads.length, 1);
});

Deno.test("a change that waits for another server keeps others from keeping", () => {
  const { world, handle } = worldOfPages(4);
  warm(world, handle, 0);
  const files = new Map([...world.files].map(([ino, bytes]) => [ino, bytes.slice()]));
  const write = world.begin(Call.PWRITE64, [handle, 0, 0], pageOf(90));
  world.arrive();
  world.replace(files);
  // Recovery has to end before the write is sent again.
  for (let turn = 0; turn < 50 && write.status === undefined; turn++) {
    world.arrive();
    for (const each of [...world.taken]) {
      if (each.request.number !== Call.PWRITE64) world.answer(each);
    }
    world.see();
    const kept = world.held(handle, 0, PAGE_BYTES);
    if (kept !== undefined) assertEquals(kept, world.files.get(FILE)!.subarray(0, PAGE_BYTES));
  }
  world.settle();
  assertEquals(write.status, PAGE_BYTES);
  assertEquals(world.read(handle, 0, PAGE_BYTES), pageOf(90));
});

Deno.test("with more to keep than there is room for, what is used stays", () => {
  const { world, handle } = worldOfPages(32, 8);
  warm(world, handle, 0);
  for (let page = 2; page < 32; page += 2) {
    warm(world, handle, page);
    assertEquals(world.held(handle, 0, PAGE_BYTES), pageOf(1), `after page ${page}`);
  }
  assertEquals(world.held(handle, 2 * PAGE_BYTES, PAGE_BYTES), undefined);
});

Deno.test("errors are the server's, of what was asked for", () => {
  const { world, handle } = worldOfPages(4);
  assertEquals(world.call(Call.PREAD64, [99, 0]), -E.EBADF);
  assertEquals(world.call(Call.PWRITE64, [99, 0, 0]), -E.EBADF);
  world.broken = 2;
  world.read(handle, 0, PAGE_BYTES);
  assertEquals(world.read(handle, PAGE_BYTES, PAGE_BYTES), pageOf(2), "page 2 was read ahead");
  assertEquals(world.call(Call.PREAD64, [handle, 2 * PAGE_BYTES], new Uint8Array(10)), -E.EIO);
});

// Replay one with `deno test --filter "seed 17"`.
for (let seed = 1; seed <= 40; seed++) {
  Deno.test(`whatever is held is what the server has, seed ${seed}`, () => new Course(seed).run());
  Deno.test(`so it is once writes that nobody waits for are done, seed ${seed}`, () => {
    new Course(seed, 1 << 30).run();
  });
}

const PAGES = 5, HANDLES = 4;

/** Calls on two files through four handles, carried out and answered in any order. */
class Course {
  readonly #draw: () => number;
  readonly #world: FilesWorld;
  readonly #handles: number[];
  readonly #initial: Map<number, Uint8Array>;
  readonly #begun: { status?: number }[] = [];
  #value = 0;
  #held = 0;

  /** @param spareBytes what the server takes for certain: with some, writes show before they are done */
  constructor(seed: number, private readonly spareBytes = 0) {
    this.#draw = seededFraction(seed);
    this.#world = new FilesWorld(4 + this.#below(12), 16);
    this.#world.spareBytes = spareBytes;
    this.#world.settle();
    for (const ino of [1, 2]) {
      this.#world.files.set(ino, new Uint8Array(PAGES * PAGE_BYTES).fill(ino));
    }
    this.#initial = new Map([...this.#world.files].map(([ino, bytes]) => [ino, bytes.slice()]));
    this.#handles = Array.from({ length: HANDLES }, (_, index) => this.#world.open(1 + index % 2));
  }

  #below(bound: number): number {
    return Math.floor(this.#draw() * bound);
  }

  run(): void {
    for (let step = 0; step < 1500; step++) {
      this.#step();
      if (this.spareBytes === 0) this.#check();
      else if (step % 25 === 24) {
        this.#world.settle();
        this.#check();
      }
    }
    this.#world.settle();
    for (const { status } of this.#begun) assert(status !== undefined, "every call has an answer");
    for (let time = 0; time < 3; time++) {
      for (const [index, handle] of this.#handles.entries()) {
        const length = 2 * PAGES * PAGE_BYTES;
        assertEquals(this.#world.read(handle, 0, length), this.#content(index).slice(0, length));
      }
    }
    assert(this.#held > 0, "no read was answered without crossing");
  }

  #content(index: number): Uint8Array {
    return this.#world.files.get(1 + index % 2)!;
  }

  #step(): void {
    const world = this.#world, { taken } = world, kind = this.#draw();
    if (kind < 0.14) this.#begin();
    else if (kind < 0.143) world.replace(this.#initial);
    else if (kind < 0.4) world.arrive();
    else if (kind < 0.45 && taken.length > 0) world.carryOut(taken[this.#below(taken.length)]);
    else if (kind < 0.75 && taken.length > 0) world.answer(taken[this.#below(taken.length)]);
    else world.see();
  }

  #begin(): void {
    const handle = this.#handles[this.#below(HANDLES)];
    const unit = this.#draw() < 0.7 ? PAGE_BYTES : PAGE_BYTES / 4;
    const offset = this.#below(PAGES * PAGE_BYTES / unit) * unit,
      length = (1 + this.#below(3)) * unit;
    const kind = this.#draw();
    const begin = (number: number, args: number[], payload?: Uint8Array) =>
      this.#begun.push(this.#world.begin(number, args, payload));
    if (kind < 0.8) begin(Call.PREAD64, [handle, offset], new Uint8Array(length));
    else if (kind < 0.95) {
      const bytes = new Uint8Array(length).fill(this.#value = this.#value % 255 + 1);
      begin(Call.PWRITE64, [handle, offset, this.#below(6) === 0 ? 1 : 0], bytes);
      bytes.fill(0);
    } else if (kind < 0.96) begin(Call.FTRUNCATE, [handle, offset]);
    else if (kind < 0.97) begin(Call.FALLOCATE, [handle, 3, offset, length]);
    else if (kind < 0.98) begin(Private.OPEN, [handle, O.RDWR | O.TRUNC]);
    else {
      // What it makes is a handle of a file that there are others of.
      const name = new Uint8Array(64).fill(1 + this.#below(3), 0, 1);
      begin(Private.CREATE, [handle, 1, O.RDWR | O.TRUNC, 0], name);
    }
  }

  #check(): void {
    for (const [index, handle] of this.#handles.entries()) {
      const offset = this.#below(2 * PAGES) * PAGE_BYTES / 2,
        length = 1 + this.#below(2 * PAGE_BYTES);
      const held = this.#world.held(handle, offset, length);
      if (held === undefined) continue;
      this.#held++;
      assertEquals(held, this.#content(index).slice(offset, offset + length));
    }
  }
}
