// The path of a directory (getcwd(2)): names lead down only, so that each is looked for in the directory above.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import { STATX_BYTES } from "../../vfs/structures.ts";
import { close, type Location, request } from "./mounts.ts";
import type { Process } from "../process.ts";
import { resolve, type Resolved } from "./resolve.ts";

/** What stands before a path that does not begin at the root of the process (getcwd(2)). */
const UNREACHABLE = "(unreachable)";

/** The path of a directory: climbs to the root, looking each directory up in its parent. */
export function* directoryPath(process: Process, location: Location): Coroutine<string> {
  let path = "";
  let here = yield* resolve(process, location, ".", 0);
  try {
    for (;;) {
      const own = yield* identity(here);
      const up = yield* resolve(process, here, "..", 0);
      const above = yield* identity(up);
      if (own.ino === above.ino && own.device === above.device) {
        yield* close(up);
        const root = yield* identity(process.root);
        if (root.ino !== own.ino || root.device !== own.device) path = `${UNREACHABLE}${path}`;
        break;
      }
      path = `/${yield* nameIn(process, up, own)}${path}`;
      yield* close(here);
      here = up;
    }
  } finally {
    yield* close(here);
  }
  return path === "" || path === UNREACHABLE ? `${path}/` : path;
}

interface Identity {
  ino: bigint;
  device: bigint;
}

function* identity(place: Location): Coroutine<Identity> {
  const structure = new Uint8Array(STATX_BYTES);
  yield* request(place.mount.service, Call.STATX, [place.handle], structure);
  const view = new DataView(structure.buffer);
  return {
    ino: view.getBigUint64(32, true),
    device: view.getBigUint64(136, true) * 65536n + BigInt(place.mount.id),
  };
}

/** The name of a directory in its parent: the one that leads to the same inode. */
function* nameIn(process: Process, parent: Resolved, wanted: Identity): Coroutine<string> {
  const mounted = process.mounts.mounts.find((mount) =>
    BigInt(mount.id) === wanted.device % 65536n && mount.covers !== undefined
  );
  const entered = mounted !== undefined && mounted.covers!.mount === parent.mount &&
    parent.mount.id !== mounted.id;
  if (entered) return mounted.path.slice(mounted.path.lastIndexOf("/") + 1);
  const opened = yield* resolve(process, parent, ".", 0);
  try {
    yield* request(opened.mount.service, Private.OPEN, [opened.handle, O.RDONLY]);
    const records = new Uint8Array(4096);
    const view = new DataView(records.buffer);
    for (let position = 0;;) {
      const filled = yield* request(opened.mount.service, Call.GETDENTS64, [
        opened.handle,
        position,
      ], records);
      if (filled === 0) return fail(E.ENOENT);
      for (let record = 0; record < filled; record += view.getUint16(record + 16, true)) {
        position = Number(view.getBigInt64(record + 8, true));
        let end = record + 19;
        while (records[end] !== 0) end++;
        const name = String.fromCharCode(...records.subarray(record + 19, end));
        if (view.getBigUint64(record, true) === wanted.ino && name !== "." && name !== "..") {
          return name;
        }
      }
    }
  } finally {
    yield* close(opened);
  }
}
