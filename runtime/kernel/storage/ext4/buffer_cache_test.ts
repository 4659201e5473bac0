// The cache of metadata blocks when more is in use than it is meant to keep, and who reads at a time.
import { assert, assertEquals } from "@std/assert";
import { type Coroutine, Tasks, WaitQueue } from "../../coroutine.ts";
import type { BlockIo } from "./block_io.ts";
import { type Buffer, BufferCache } from "./buffer_cache.ts";

const BLOCK_BYTES = 1024;
const BLOCKS = 100_000;
/** More than are kept beyond those in use. */
const MANY = 3000;

/** A disk whose blocks begin with their number, and which answers once `answer` is called. */
function slowDisk() {
  const answered = new WaitQueue();
  let reads = 0;
  const read = function* (position: number, bytes: Uint8Array): Coroutine<void> {
    reads++;
    yield answered;
    new DataView(bytes.buffer).setUint32(0, position / BLOCK_BYTES, true);
  };
  const cache = new BufferCache({ read } as unknown as BlockIo, BLOCK_BYTES, BLOCKS, new Map());
  return { cache, answer: () => answered.wakeAll(), reads: () => reads };
}

Deno.test("a buffer that is new is kept, however many others are in use", () => {
  const { cache } = slowDisk();
  for (let block = 0; block < MANY; block++) {
    const buffer = cache.fresh(block);
    assert(cache.peek(block) === buffer, `block ${block}`);
    buffer.transaction = 1;
  }
  for (let block = 0; block < MANY; block++) assert(cache.peek(block) !== undefined);
});

Deno.test("what nobody uses is let go of", () => {
  const { cache } = slowDisk();
  for (let block = 0; block < MANY; block++) cache.fresh(block);
  let kept = 0;
  for (let block = 0; block < MANY; block++) if (cache.peek(block) !== undefined) kept++;
  assert(kept < MANY && kept > 0, `${kept} are kept`);
});

Deno.test("who asks for a block while it is read gets the same buffer", () => {
  const { cache, answer, reads } = slowDisk();
  const tasks = new Tasks(() => 0);
  const got: Buffer[] = [];
  for (let reader = 0; reader < 3; reader++) {
    tasks.spawn(cache.read(7), (buffer) => got.push(buffer!));
  }
  tasks.run();
  answer();
  while (tasks.run() > 0);
  assertEquals(got.length, 3);
  assert(got.every((buffer) => buffer === got[0]));
  assertEquals(got[0].view.getUint32(0, true), 7);
  assertEquals(reads(), 1);
});

Deno.test("what was read does not replace what was made anew meanwhile", () => {
  const { cache, answer } = slowDisk();
  const tasks = new Tasks(() => 0);
  let read: Buffer | undefined;
  tasks.spawn(cache.read(7), (buffer) => read = buffer);
  tasks.run();
  const fresh = cache.fresh(7);
  fresh.view.setUint32(0, 42, true);
  answer();
  tasks.run();
  assert(read === fresh && cache.peek(7) === fresh);
  assertEquals(fresh.view.getUint32(0, true), 42);
});
