// A page of a file that is read while something happens to it.
import { assertEquals } from "@std/assert";
import type { BlockRequest } from "../../block/block_device.ts";
import { Tasks, WaitQueue } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, Errno } from "../../errno.ts";
import { PAGE_BYTES, PageCache } from "../page_cache/page_cache.ts";
import type { BlockIo } from "./block_io.ts";
import { EarlyWrites } from "./early_writes.ts";
import type { ExtentList } from "./extents.ts";
import { FileData } from "./file_data.ts";

/** A file of a page on a disk that answers when it is told to. */
function slowFile() {
  const tasks = new Tasks(() => 0);
  const memory = {
    allocate: (bytes: number) => ({ address: 0, bytes: new Uint8Array(bytes) }),
  };
  const pageCache = new PageCache({ memory } as unknown as Environment, 4 * PAGE_BYTES);
  const requests: Pick<BlockRequest, "status" | "done">[] = [];
  const io = {
    disk: { maxBytes: 1 << 20, maxBuffers: 64 },
    submit: () => {
      const request: typeof requests[number] = { status: "pending", done: new WaitQueue() };
      requests.push(request);
      return request;
    },
  };
  const file = { sizeBytes: 100 };
  const extents = {
    lookup: (block: number) => ({ physical: file.sizeBytes > 0 ? block : -1, unwritten: false }),
  };
  const data = new FileData(
    {
      pageCache,
      io: io as unknown as BlockIo,
      blockBytes: PAGE_BYTES,
      early: new EarlyWrites(),
      spawn: (body) => void tasks.spawn(body),
    },
    () => extents as unknown as ExtentList,
    () => file.sizeBytes,
  );
  let ended: number | undefined;
  tasks.spawn(data.read(0, new Uint8Array(100), 100), (count, failure) => {
    ended = failure instanceof Errno ? -failure.errno : count;
  });
  const turn = () => {
    while (tasks.run() > 0);
  };
  const answer = (status: BlockRequest["status"]) => {
    for (const request of requests.filter((each) => each.status === "pending")) {
      request.status = status;
      request.done.wakeAll();
    }
    turn();
  };
  return { data, file, pageCache, turn, answer, ended: () => ended };
}

Deno.test("a file that comes to end before what is read of it has nothing there, however long that took", () => {
  const { data, file, pageCache, turn, answer, ended } = slowFile();
  for (let woken = 0; woken < 3; woken++) {
    pageCache.changed.wakeAll();
    turn();
  }
  file.sizeBytes = 0;
  data.dropFrom(0);
  answer("ok");
  assertEquals(ended(), 0);
});

Deno.test("what the disk refuses to read fails", () => {
  const { answer, ended } = slowFile();
  answer("io-error");
  assertEquals(ended(), -E.EIO);
});
