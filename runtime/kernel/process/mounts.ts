// The mount table: which file server has what, and where a walk goes on when it leaves one.
import { type Coroutine, finish } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { Credential, Service } from "../service.ts";
import { Places } from "./places.ts";
import { ReadOnlyView } from "./read_only_view.ts";
import { Call, Private, putBytes, WALK_PAYLOAD_BYTES } from "../vfs/protocol.ts";

/** Something mounted: a file system of a server. */
export interface Mount {
  id: number;
  path: string;
  type: string;
  /** who serves calls on what is seen here: the file system's server, or a view of it that changes nothing */
  service: Service;
  /** who serves the file system */
  server: Service;
  readOnly: boolean;
  /** the same for all places of one file system: its inodes are the same ones */
  filesystem: number;
  /** the path of its root in its file system */
  within: string;
  /** "..", in its root, leads out of it, although its file system goes on above */
  bound: boolean;
  /** handle of its root */
  root: number;
  /** the directory that it covers; undefined for the root of the machine */
  covers: Location | undefined;
  /** what is mounted on its root */
  over?: Mount;
}

/** What is to be mounted. */
export interface NewMount extends Pick<Mount, "path" | "type" | "root" | "covers" | "readOnly"> {
  /** who serves the file system */
  service: Service;
  /** another place of that file system */
  of?: Mount;
  /** where the root is no root of a file system: its path there */
  within?: string;
  bound?: boolean;
}

/** A place in the tree: a handle of the server of a mount. */
export interface Location {
  mount: Mount;
  handle: number;
}

const kernel: Credential = { uid: 0, gid: 0, groups: [] };

/** Gives a handle back. */
export function* close({ mount, handle }: Location): Coroutine<void> {
  yield* request(mount.service, Call.CLOSE, [handle]);
}

/** A call by the kernel itself, with a payload for paths and structures. @throws Errno */
export function* request(
  service: Service,
  number: number,
  args: number[],
  payload: Uint8Array = new Uint8Array(0),
  credential: Credential = kernel,
): Coroutine<number> {
  const status = yield* finish(service.call({ number, args, credential, payload }));
  return status < 0 ? fail(-status) : status;
}

/** A payload that begins with texts. */
export function textPayload(...texts: string[]): Uint8Array {
  const payload = new Uint8Array(WALK_PAYLOAD_BYTES);
  let at = 0;
  for (const text of texts) at += putBytes(text, payload, at);
  return payload;
}

export class MountTable {
  readonly mounts: Mount[] = [];
  /** where links of /proc lead */
  readonly places = new Places();
  /** no two mounts have the same id, even one after the other */
  #lastId = 0;

  /** @throws Errno ENOENT where nothing is mounted yet */
  get root(): Location {
    const mount = this.mounts[0] ?? fail(E.ENOENT);
    return { mount, handle: mount.root };
  }

  /** The mount of an id that a server told. @throws Errno EIO for one that is not there */
  byId(id: number): Mount {
    return this.mounts.find((mount) => mount.id === id) ?? fail(E.EIO);
  }

  /** What is seen where a mount is: the newest of those that are mounted on it. */
  top(id: number): Mount {
    let mount = this.byId(id);
    while (mount.over !== undefined) mount = mount.over;
    return mount;
  }

  /** Mounts the server's `index`th file system on a directory; `covers` is undefined for the root. */
  *mount(
    service: Service,
    index: number,
    type: string,
    path: string,
    covers: Location | undefined,
    onRoot = false,
    readOnly = false,
  ): Coroutine<Mount> {
    const root = yield* request(service, Private.ROOT, [index], new Uint8Array(64));
    return yield* this.add({ service, root, type, path, covers, readOnly }, onRoot);
  }

  /**
   * Mounts a directory whose handle the caller has; the table closes it in the end, and that of what it covers.
   * @param onRoot whether it covers the root of another mount
   */
  *add(what: NewMount, onRoot = false): Coroutine<Mount> {
    const { service: server, covers, readOnly, of, within = "/", bound = false } = what;
    const id = ++this.#lastId;
    const mount: Mount = {
      id,
      path: what.path,
      type: what.type,
      root: what.root,
      server,
      service: server,
      readOnly: false,
      filesystem: of?.filesystem ?? id,
      within,
      bound,
      covers,
    };
    this.restrict(mount, readOnly);
    if (covers !== undefined) {
      if (onRoot) covers.mount.over = mount;
      else yield* request(covers.mount.service, Private.COVER, [covers.handle, mount.id]);
    }
    this.mounts.push(mount);
    return mount;
  }

  /** Says whether what is seen at a mount may be changed there. */
  restrict(mount: Mount, readOnly: boolean): void {
    mount.readOnly = readOnly;
    mount.service = readOnly ? new ReadOnlyView(mount.server) : mount.server;
  }

  /** What a mount covered is seen again; handles that others have of it stay good. */
  *unmount(mount: Mount): Coroutine<void> {
    const { covers } = mount;
    this.mounts.splice(this.mounts.indexOf(mount), 1);
    if (covers !== undefined) {
      const { service } = covers.mount;
      if (covers.mount.over === mount) covers.mount.over = undefined;
      else yield* request(service, Private.COVER, [covers.handle, 0]);
      yield* close(covers);
    }
    yield* request(mount.server, Call.CLOSE, [mount.root]);
  }
}
