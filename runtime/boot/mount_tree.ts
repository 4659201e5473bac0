// Mounts what the plan lists, in the primary's tree: the root first, then each on a directory that is made
// where it is missing.
import type { Coroutine } from "../kernel/coroutine.ts";
import { E, Errno } from "../kernel/errno.ts";
import { close, type DeviceNumber, request, textPayload } from "../kernel/process/path/mounts.ts";
import type { Processes } from "../kernel/process/process_component.ts";
import { resolve, type Resolved } from "../kernel/process/path/resolve.ts";
import type { Service } from "../kernel/service.ts";
import { Call, WalkFlag } from "../kernel/vfs/protocol.ts";
import type { MountPlan } from "../../schemas/plan.ts";

/** Deaths of a server that making one mount point survives. */
const MOUNT_TRIES = 8;

/**
 * @param serviceOf finds who serves a component of a domain
 * @param diskOf finds the disk that a mount is on @throws Errno
 */
export function* mountTree(
  processes: Processes,
  mounts: MountPlan[],
  serviceOf: (component: string, domain: string) => Service,
  diskOf: (mount: MountPlan) => DeviceNumber | undefined,
): Coroutine<void> {
  const table = processes.mounts;
  const { init } = processes;
  const ordered = [...mounts].sort((a, b) =>
    a.path.length - b.path.length || (a.path < b.path ? -1 : 1)
  );
  for (const mount of ordered) {
    const { component, domain, index, type, path } = mount;
    const service = serviceOf(component, domain), disk = diskOf(mount);
    if (path === "/") {
      yield* table.mount(service, index, type, "/", undefined, { disk });
      yield* processes.enterRoot();
      continue;
    }
    const parent = yield* resolve(init, init.root, path, WalkFlag.PARENT);
    yield* makeDirectory(parent);
    const covers = yield* resolve(init, init.root, path, WalkFlag.FOLLOW | WalkFlag.DIRECTORY);
    yield* table.mount(service, index, type, path, covers, { disk });
    yield* close(parent);
  }
  yield* processes.mountOwn();
}

/** A mount point, where there is none. A server that dies meanwhile may have made it or not: asked again. */
function* makeDirectory(parent: Resolved): Coroutine<void> {
  for (let tries = 1;; tries++) {
    try {
      const payload = textPayload(parent.name);
      const args = [parent.handle, parent.name.length, 0o755];
      yield* request(parent.mount.service, Call.MKDIRAT, args, payload);
      return;
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      if (failure.errno === E.EEXIST || failure.errno === E.EROFS) return;
      if (failure.errno !== E.EIO || tries === MOUNT_TRIES) throw failure;
    }
  }
}
