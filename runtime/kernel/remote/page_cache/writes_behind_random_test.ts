// A program that writes, reads and syncs at random while its server dies: it sees its own writes, and none is lost.
import { assert, assertEquals } from "@std/assert";
import { seededFraction } from "../../../../schemas/seeded_random.ts";
import { E } from "../../errno.ts";
import { O, SEEK } from "../../vfs/constants.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import { PAGE_BYTES } from "./page_pool.ts";
import { FilesWorld } from "./testing/files_world.ts";
import { end, FILE, nothing, OTHER, PLENTY } from "./testing/pages_world.ts";

Deno.test("a disk that fills up refuses writes to their callers, and breaks no promise", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const draw = seededFraction(seed);
    const world = new FilesWorld(16, 32);
    world.diskBytes = (600 + Math.floor(draw() * 100)) * PAGE_BYTES + Math.floor(draw() * 5000);
    world.spareBytes = PLENTY;
    world.settle();
    const handles = [FILE, OTHER].map((ino) => world.open(ino));
    for (const handle of handles) end(world, handle);
    const expected = [0, 0];
    let refused = 0;
    for (let step = 0; refused < 5; step++) {
      const index = Math.floor(draw() * 2), length = 1 + Math.floor(draw() * 12 * PAGE_BYTES);
      const call = world.begin(
        Call.PWRITE64,
        [handles[index], 0, 1],
        new Uint8Array(length).fill(1),
      );
      if (call.status === undefined || draw() < 0.1) world.settle();
      assert(call.status! > 0 || call.status === -E.ENOSPC, `${call.status}`);
      if (call.status! > 0) expected[index] += call.status!;
      if (call.status! < length) refused++;
    }
    world.settle();
    for (const [index, handle] of handles.entries()) {
      assertEquals(world.call(Call.FSYNC, [handle], nothing), 0, `seed ${seed}`);
      assertEquals(world.files.get([FILE, OTHER][index])!.length, expected[index]);
    }
    assert(world.cache.writes.sent > 0);
  }
});

// Replay one with `deno test --filter "seed 17"`.
for (let seed = 1; seed <= 60; seed++) {
  Deno.test(`a program sees its own writes, and no death of the server loses one, seed ${seed}`, () => {
    new Program(seed).run();
  });
}

/** One program on two files through four handles: what each call answers is what a file of one's own would. */
class Program {
  readonly #draw: () => number;
  readonly #world: FilesWorld;
  readonly #files = new Map<number, Uint8Array>([[FILE, new Uint8Array(0)], [
    OTHER,
    new Uint8Array(0),
  ]]);
  readonly #handles: { ino: number; handle: number }[];
  #value = 0;
  #behind = 0;

  constructor(seed: number) {
    this.#draw = seededFraction(seed);
    this.#world = new FilesWorld(4 + this.#below(20), 16);
    this.#world.spareBytes = PLENTY;
    this.#world.settle();
    this.#handles = [FILE, OTHER, FILE, OTHER].map((ino) => ({
      ino,
      handle: this.#world.open(ino),
    }));
    this.#world.makeDurable();
  }

  #below(bound: number): number {
    return Math.floor(this.#draw() * bound);
  }

  run(): void {
    for (let step = 0; step < 600; step++) {
      this.#act();
      for (let count = this.#below(4); count > 0; count--) this.#serverStep();
    }
    assert(this.#behind > 20, "writes were waited for");
    this.#world.settle();
    for (const [ino, bytes] of this.#files) assertEquals(this.#world.files.get(ino), bytes);
  }

  /** Requests are carried out in any order, and the server may die at any moment. */
  #serverStep(): void {
    const world = this.#world, kind = this.#draw();
    if (kind < 0.01) world.die();
    else if (kind < 0.3) world.arrive();
    else if (kind < 0.7 && world.taken.length > 0) {
      world.answer(world.taken[this.#below(world.taken.length)]);
    } else world.see();
  }

  #call(number: number, args: number[], payload: Uint8Array = nothing): number {
    const result = this.#world.begin(number, args, payload);
    if (number === Call.PWRITE64 && result.status !== undefined) this.#behind++;
    for (let count = 0; result.status === undefined; count++) {
      if (count > 5000) this.#world.settle();
      else this.#serverStep();
    }
    return result.status;
  }

  #act(): void {
    const { ino, handle } = this.#handles[this.#below(4)];
    const kind = this.#draw(), file = this.#files.get(ino)!;
    const unit = this.#draw() < 0.5 ? PAGE_BYTES : 700;
    const offset = this.#below(12) * unit;
    const length = this.#draw() < 0.4 ? (1 + this.#below(2)) * unit : 1 + this.#below(2 * unit);
    if (kind < 0.45) {
      const appends = this.#below(3) === 0;
      const bytes = new Uint8Array(length).fill(this.#value = this.#value % 255 + 1);
      this.#write(ino, appends ? file.length : offset, bytes);
      assertEquals(this.#call(Call.PWRITE64, [handle, offset, appends ? 1 : 0], bytes), length);
      bytes.fill(0);
    } else if (kind < 0.8) {
      const into = new Uint8Array(length);
      const expected = file.subarray(offset, offset + length);
      assertEquals(this.#call(Call.PREAD64, [handle, offset], into), expected.length);
      assertEquals(into.subarray(0, expected.length), expected);
    } else if (kind < 0.88) {
      assertEquals(this.#call(Call.LSEEK, [handle, 0, SEEK.END]), file.length);
    } else if (kind < 0.92) {
      assertEquals(this.#call(Call.FTRUNCATE, [handle, offset]), 0);
      this.#files.set(ino, resized(file, offset));
    } else if (kind < 0.94) {
      assertEquals(this.#call(Private.OPEN, [handle, O.RDWR | O.TRUNC]), 0);
      this.#files.set(ino, new Uint8Array(0));
    } else if (kind < 0.97) assertEquals(this.#call(Call.FSYNC, [handle]), 0);
    else this.#reopen(ino, handle);
  }

  #write(ino: number, offset: number, bytes: Uint8Array): void {
    const file = resized(this.#files.get(ino)!, offset + bytes.length, true);
    file.set(bytes, offset);
    this.#files.set(ino, file);
  }

  #reopen(ino: number, handle: number): void {
    assertEquals(this.#call(Call.CLOSE, [handle]), 0);
    const other = this.#call(Private.ROOT, [ino], new Uint8Array(64));
    assertEquals(this.#call(Private.OPEN, [other, O.RDWR]), 0);
    this.#handles.find((each) => each.handle === handle)!.handle = other;
  }
}

function resized(bytes: Uint8Array, length: number, atLeast = false): Uint8Array {
  const other = new Uint8Array(atLeast ? Math.max(length, bytes.length) : length);
  other.set(bytes.subarray(0, other.length));
  return other;
}
