// Several operations are under way at once, end in any order, and never leave more than their ring holds.
import { assert, assertEquals } from "@std/assert";
import { intsOf, longs, longsOf, smallKernel } from "../../../../tests/fixtures/small_kernel.ts";
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import type { Description } from "../file/description.ts";
import { AddressSpace } from "../memory/address_space.ts";
import type { Process } from "../process.ts";
import { makePipe } from "../pipe/pipe.ts";
import { Operation } from "./control_block.ts";
import { EVENT_BYTES } from "./event_ring.ts";

const DATA_PAGE = 32, DATA = DATA_PAGE * PAGE_BYTES, POINTERS = DATA + 2 * PAGE_BYTES;
const PAGES = 256;

/** Reads what a test says, when it says so. */
class SlowDescription implements Description {
  uses = 1;
  flags = 0;
  readonly readiness = new WaitQueue(true);
  readonly answers = new WaitQueue();
  readonly asked: Uint8Array[] = [];
  readonly done = new Set<number>();
  *read(into: Uint8Array): Coroutine<number> {
    const turn = this.asked.push(into) - 1;
    while (!this.done.has(turn)) yield this.answers;
    return into.fill(turn + 1).length;
  }
  write(): never {
    throw new Error("Nobody writes here");
  }
  poll = () => 0;
  release(): void {}
}

function world() {
  const kernel = smallKernel();
  const process = kernel.start();
  const memory = kernel.processes.provideMemory(PAGES * PAGE_BYTES);
  const space = process.memory = new AddressSpace(memory);
  space.map({
    ...{ start: DATA_PAGE, end: DATA_PAGE + 4, access: Access.READ | Access.WRITE, shared: false },
    ...{ object: undefined, objectPage: 0, name: "", readOnly: false, notForked: false },
  });
  const bytesAt = (address: number, length: number): Uint8Array => {
    const frame = space.frameFor(Math.floor(address / PAGE_BYTES), Access.WRITE);
    const within = frame + address % PAGE_BYTES;
    return memory.frames.bytes.subarray(within, within + length);
  };
  /** Puts a block into memory, and its address where io_submit looks for it. */
  const block = (index: number, operation: number, fd: number, buffer: number, count: number) => {
    const address = DATA + index * 64;
    const bytes = bytesAt(address, 64);
    bytes.set(longs(1000 + index, 0, 0, buffer, count, 0, 0, 0));
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint16(16, operation, true);
    view.setInt32(20, fd, true);
    bytesAt(POINTERS + index * 8, 8).set(longs(address));
    return address;
  };
  const setup = (of: Process, events: number): number => {
    const number = new Uint8Array(8);
    assertEquals(kernel.call(of, "io_setup", events, number), 0);
    return longsOf(number)[0];
  };
  /** Data and results of events that are there. */
  const taken = (context: number, least: number, most = 64): number[][] => {
    const out = new Uint8Array(most * EVENT_BYTES);
    const count = kernel.call(process, "io_getevents", context, least, most, out, longs(0, 0));
    return Array.from({ length: count as number }, (_, index) => {
      const [data, , result] = longsOf(out.subarray(index * EVENT_BYTES));
      return [data, result];
    });
  };
  return { ...kernel, process, memory, space, bytesAt, block, setup, taken };
}

Deno.test("operations are under way together, and end in any order", () => {
  const { process, call, begin, advance, bytesAt, block, setup, taken } = world();
  const slow = new SlowDescription();
  const fd = process.addDescription(slow, false);
  const context = setup(process, 4);
  for (let index = 0; index < 3; index++) {
    block(index, Operation.PREAD, fd, DATA + PAGE_BYTES + index * 8, 8);
  }
  assertEquals(call(process, "io_submit", context, 3, POINTERS), 3);
  assertEquals([slow.asked.length, slow.uses], [3, 4]);
  const out = new Uint8Array(2 * EVENT_BYTES);
  const waiting = begin(process, "io_getevents", context, 2, 2, out, undefined);
  slow.done.add(2);
  slow.answers.wakeAll();
  advance(1);
  assertEquals(waiting.result, undefined, "one is not enough");
  slow.done.add(0);
  slow.answers.wakeAll();
  advance(1);
  assertEquals(waiting.result, 2);
  assertEquals([longsOf(out)[0], longsOf(out)[4]], [1002, 1000]);
  assertEquals(
    [...bytesAt(DATA + PAGE_BYTES, 24)].map(String).join(""),
    "1".repeat(8) + "0".repeat(8) + "3".repeat(8),
  );
  assertEquals(taken(context, 0), []);
  process.close(fd);
  assertEquals(slow.uses, 1, "the last one still reads it");
  slow.done.add(1);
  slow.answers.wakeAll();
  advance(1);
  assertEquals([taken(context, 1), slow.uses], [[[1001, 8]], 0]);
});

Deno.test("there is a place for every result, whatever a program writes into its ring", () => {
  const { process, call, bytesAt, block, setup, taken } = world();
  const [reads] = makePipe(0);
  const fd = process.addDescription(reads, false);
  const context = setup(process, 3);
  const header = bytesAt(context, 32);
  const places = intsOf(header)[1];
  // Nobody writes that pipe: what waits for it to be readable waits for ever.
  block(0, Operation.POLL, fd, 1, 0);
  let begun = 0;
  while (call(process, "io_submit", context, 1, POINTERS) === 1) begun++;
  assertEquals([begun, call(process, "io_submit", context, 1, POINTERS)], [places - 1, "EAGAIN"]);
  for (let index = 0; index < begun; index++) {
    assertEquals(call(process, "io_cancel", context, DATA, 0), "EINPROGRESS");
  }
  assertEquals(call(process, "io_cancel", context, DATA, 0), "EINVAL");
  for (const head of [-1, 0x7fff_ffff, places, places - 1]) {
    new DataView(header.buffer, header.byteOffset).setInt32(8, head, true);
    assert(taken(context, 0, 3).length <= 3);
  }
});

Deno.test("the end of a process ends what waits, and gives back all that its contexts had", () => {
  const { processes, process, call, advance, memory, block, setup, space } = world();
  const [reads] = makePipe(0);
  const fd = process.addDescription(reads, false);
  setup(process, 8);
  const context = setup(process, 200);
  assertEquals(processes.aio.reserved, 208);
  block(0, Operation.PREAD, fd, DATA, 8);
  assertEquals(call(process, "io_submit", context, 1, POINTERS), 1);
  space.unmap(context / PAGE_BYTES, context / PAGE_BYTES + 1);
  process.close(fd);
  const thread = [...process.threads][0];
  process.directories.users = 2;
  process.end(0);
  processes.endThread(thread, 0);
  advance(1);
  assertEquals([process.ended, processes.aio.reserved, reads.uses], [0, 0, 0]);
  assertEquals(memory.frames.available, PAGES - 1, "all but the page of zeros");
});

Deno.test("contexts are refused that ask for too much or are none", () => {
  const { process, call, setup } = world();
  const number = new Uint8Array(8);
  assertEquals(call(process, "io_setup", 0, number), "EINVAL");
  assertEquals(call(process, "io_setup", 1 << 23, number), "EINVAL");
  assertEquals(call(process, "io_setup", 65_537, number), "EAGAIN");
  assertEquals(call(process, "io_setup", 65_536, number), "ENOMEM", "memory has not so many pages");
  assertEquals(call(process, "io_setup", 8, longs(1)), "EINVAL");
  const context = setup(process, 8);
  assertEquals(call(process, "io_destroy", context + PAGE_BYTES), "EINVAL");
  assertEquals(call(process, "io_destroy", context), 0);
  assertEquals(call(process, "io_submit", context, 0, 0), "EINVAL");
});
