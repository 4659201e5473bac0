// inotify_init1(2), inotify_add_watch(2), inotify_rm_watch(2).
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { ACCESS, O } from "../../vfs/constants.ts";
import { Call, WalkFlag } from "../../vfs/protocol.ts";
import type { Handlers } from "../handler.ts";
import { ALL_EVENTS, IN, InotifyDescription } from "./inotify.ts";
import { close, request } from "../path/mounts.ts";
import type { Process } from "../process.ts";
import { resolve } from "../path/resolve.ts";
import { inodeIdentity } from "./watches.ts";

function init(process: Process, flags: number): number {
  if ((flags & ~(O.CLOEXEC | O.NONBLOCK)) !== 0) fail(E.EINVAL);
  const description = new InotifyDescription(process.kernel.local.watches, flags & O.NONBLOCK);
  return process.addDescription(description, (flags & O.CLOEXEC) !== 0);
}

function inotify(process: Process, fd: number): InotifyDescription {
  const description = process.description(fd);
  return description instanceof InotifyDescription ? description : fail(E.EINVAL);
}

/** @returns the number of the watch: that of the one which the descriptor has on the file already */
function* addWatch(process: Process, fd: number, path: string, mask: number): Coroutine<number> {
  const both = IN.MASK_ADD | IN.MASK_CREATE;
  if ((mask & ALL_EVENTS) === 0 || (mask & both) === both) fail(E.EINVAL);
  const owner = inotify(process, fd);
  const { watches } = process.kernel.local;
  const follow = (mask & IN.DONT_FOLLOW) !== 0 ? 0 : WalkFlag.FOLLOW;
  const directory = (mask & IN.ONLYDIR) !== 0 ? WalkFlag.DIRECTORY : 0;
  const found = yield* resolve(process, process.cwd, path, follow | directory);
  const { service } = found.mount;
  let kept = false;
  try {
    const args = [found.handle, ACCESS.READ];
    yield* request(service, Call.FACCESSAT2, args, undefined, process.credential);
    const identity = inodeIdentity(found.mount, found);
    const known = watches.find(owner, identity);
    if (known !== undefined) {
      if ((mask & IN.MASK_CREATE) !== 0) fail(E.EEXIST);
      known.mask = (mask & IN.MASK_ADD) !== 0 ? known.mask | mask : mask;
      return known.number;
    }
    const watch = watches.add(owner, identity, found, mask);
    kept = true;
    return watch.number;
  } finally {
    if (!kept) yield* close(found);
  }
}

function removeWatch(process: Process, fd: number, number: number): number {
  const { watches } = process.kernel.local;
  watches.remove(inotify(process, fd).watches.get(number) ?? fail(E.EINVAL), true);
  return 0;
}

export const inotifyCalls: Handlers = {
  inotify_init1: init,
  inotify_add_watch: addWatch,
  inotify_rm_watch: removeWatch,
};
