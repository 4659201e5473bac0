// What an open file asks of its server.
import { assertEquals } from "@std/assert";
import { isCoroutine, Tasks } from "../../coroutine.ts";
import { E } from "../../errno.ts";
import type { Service } from "../../service.ts";
import { O } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call } from "../../vfs/protocol.ts";
import { FileDescription } from "./description.ts";
import type { Location } from "../path/mounts.ts";
import { LockWaits } from "./lock_waits.ts";
import { WatchTable } from "../event/watches.ts";

/** An open file of a server that notes what it is asked, and says what a test wants. */
function openFile(flags: number, answers: Partial<Record<number, number>>) {
  const asked: number[] = [];
  const tasks = new Tasks(() => 0);
  const service: Service = {
    call({ number, payload }) {
      asked.push(number);
      return answers[number] ?? payload.length;
    },
    transaction: 0,
    durable: 0,
  };
  const location = { mount: { id: 1, service }, handle: 3, root: false } as unknown as Location;
  const file = new FileDescription(
    location,
    O.RDWR | flags,
    S.IFREG | 0o644,
    { uid: 0, gid: 0, groups: [] },
    () => {},
    {
      ino: 12,
      generation: 0,
      above: { ino: 2, generation: 0 },
      name: "file",
      path: "/file",
      mapped: undefined,
      watches: new WatchTable(tasks, () => true),
      locks: new LockWaits(),
    },
  );
  /** @returns the status, and the calls that led to it */
  const write = (bytes: number): { status: number | undefined; asked: number[] } => {
    asked.length = 0;
    let status: number | undefined;
    const result = file.write(new Uint8Array(bytes));
    if (isCoroutine(result)) {
      tasks.spawn(result, (value) => status = value);
      while (tasks.run() > 0);
    } else status = result;
    return { status, asked: [...asked] };
  };
  return { file, write };
}

Deno.test("O_DSYNC and O_SYNC: a write has returned when it is durable, and not before", () => {
  const plain = openFile(0, {}), data = openFile(O.DSYNC, {}), all = openFile(O.SYNC, {});
  assertEquals(plain.write(100), { status: 100, asked: [Call.PWRITE64] });
  assertEquals(data.write(100), { status: 100, asked: [Call.PWRITE64, Call.FDATASYNC] });
  assertEquals(all.write(100), { status: 100, asked: [Call.PWRITE64, Call.FSYNC] });
  assertEquals([plain, data, all].map(({ file }) => file.position), [100, 100, 100]);
});

Deno.test("O_DSYNC: a write that failed is not made durable, one that could not be made durable failed", () => {
  const full = openFile(O.DSYNC, { [Call.PWRITE64]: -E.ENOSPC });
  assertEquals(full.write(100), { status: -E.ENOSPC, asked: [Call.PWRITE64] });
  const broken = openFile(O.DSYNC, { [Call.FDATASYNC]: -E.EIO });
  assertEquals(broken.write(100), { status: -E.EIO, asked: [Call.PWRITE64, Call.FDATASYNC] });
  assertEquals(broken.file.position, 0);
});
