// What is written of memory, and where; whether the whole is a core is tests/guest/calls/cores.c's to say.
import { assertEquals } from "@std/assert";
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { type Coroutine, Tasks } from "../../coroutine.ts";
import { AddressSpace } from "../memory/address_space.ts";
import type { Mapping } from "../memory/mapping.ts";
import { SharedMemoryObject } from "../memory/page_object.ts";
import { UserMemory } from "../memory/user_memory.ts";
import { coreLayout } from "./core_file.ts";
import { eachPiece, segmentsOf } from "./core_memory.ts";

const READ_WRITE = Access.READ | Access.WRITE;

function world() {
  const tasks = new Tasks(() => 0);
  const memory = new UserMemory(512 * PAGE_BYTES, tasks);
  const space = new AddressSpace(memory);
  const map = (start: number, pages: number, more: Partial<Mapping> = {}) =>
    space.map({
      ...{ start, end: start + pages, access: READ_WRITE, shared: false, object: undefined },
      ...{ objectPage: 0, name: "", readOnly: false, notForked: false, ...more },
    });
  /** Puts a number at the start of a page. */
  const put = (page: number, value: number) =>
    memory.frames.bytes[space.frameFor(page, Access.WRITE)] = value;
  const run = <T>(work: Coroutine<T>): T => {
    let result: T;
    tasks.spawn(work, (value, failure) => {
      if (failure !== undefined) throw failure;
      result = value!;
    });
    return result!;
  };
  return { memory, space, map, put, run };
}

Deno.test("pages that were never touched are left out, others come in pieces of neighbours", () => {
  const { space, map, put, run } = world();
  map(100, 300);
  map(500, 10, { access: 0 });
  const touched = [100, 101, 102, 250, ...Array.from({ length: 70 }, (_, each) => 320 + each)];
  for (const page of touched) put(page, page % 256);
  const segments = run(segmentsOf(space));
  assertEquals(segments.map(({ pages }) => pages), [300, 10]);
  const pieces: number[][] = [];
  const all = run(eachPiece(space, segments[0], function* (bytes, offset) {
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      assertEquals(bytes[at], ((offset + at) / PAGE_BYTES + 100) % 256);
    }
    pieces.push([offset / PAGE_BYTES, bytes.length / PAGE_BYTES]);
    return true;
  }));
  assertEquals([all, pieces], [true, [[0, 3], [150, 1], [220, 64], [284, 6]]]);
  const some = run(eachPiece(space, segments[0], function* () {
    return false;
  }));
  assertEquals(some, false, "a limit ends it");
});

Deno.test("memory that is shared and of no file is there", () => {
  const { memory, space, map, put, run } = world();
  map(100, 4, { shared: true, object: new SharedMemoryObject(memory.frames) });
  put(102, 9);
  const [segment] = run(segmentsOf(space));
  const pieces: number[] = [];
  run(eachPiece(space, segment, function* (bytes, offset) {
    pieces.push(offset / PAGE_BYTES, bytes[0]);
    return true;
  }));
  assertEquals([segment.pages, pieces], [4, [2, 9]]);
});

Deno.test("segments begin at whole pages behind the notes", () => {
  const mapping = (start: number, end: number, access: number) =>
    ({ start, end, access }) as Mapping;
  const segments = [
    { mapping: mapping(16, 20, READ_WRITE), pages: 4 },
    { mapping: mapping(32, 64, Access.READ | Access.EXECUTE), pages: 1 },
    { mapping: mapping(70, 71, 0), pages: 0 },
  ];
  const { headers, offsets, sizeBytes } = coreLayout(segments, 8000);
  assertEquals(headers.length, 64 + 4 * 56);
  assertEquals([offsets, sizeBytes], [[12288, 28672, 32768], 32768]);
  const view = new DataView(headers.buffer);
  const described = segments.map((_, index) => {
    const at = 64 + (index + 1) * 56;
    const long = (offset: number) => Number(view.getBigUint64(at + offset, true));
    return [view.getUint32(at + 4, true), long(8), long(16), long(32), long(40)];
  });
  assertEquals(described, [
    [6, 12288, 16 * 4096, 4 * 4096, 4 * 4096],
    [5, 28672, 32 * 4096, 4096, 32 * 4096],
    [0, 32768, 70 * 4096, 0, 4096],
  ]);
});
