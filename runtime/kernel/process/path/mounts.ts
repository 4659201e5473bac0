// The mount table: which file server has what, and where a walk goes on when it leaves one.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Credential, Service } from "../../service.ts";
import { Places } from "./places.ts";
import { ReadOnlyView } from "./read_only_view.ts";
import { Call, Private, putBytes, WALK_PAYLOAD_BYTES } from "../../vfs/protocol.ts";

export interface DeviceNumber {
  major: number;
  minor: number;
}

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
  /** what stat(2) says of its files */
  device: DeviceNumber;
  /** the path of its root in its file system */
  within: string;
  /** "..", in its root, leads out of it, although its file system goes on above */
  bound: boolean;
  /** handle of its root */
  root: number;
  /** it is not mounted at other places */
  unbindable: boolean;
  /** what it covers; undefined for the root of the machine */
  covers: Covered | undefined;
  /** the number by which the server of what it covers calls it: that of the first that was mounted there */
  cover: number;
  /** what is mounted on its root */
  over?: Mount;
}

/** What is covered by a mount, where it is mounted. */
export interface Covered extends Location {
  /** what tells the inode from all others of its file system */
  ino: number;
  generation: number;
}

/** What is to be mounted. */
export interface NewMount extends Pick<Mount, "path" | "type" | "root" | "covers" | "readOnly"> {
  /** who serves the file system */
  service: Service;
  /** another place of that file system */
  of?: Mount;
  /** the disk that it is on; one that is on none has a number of its own */
  disk?: DeviceNumber;
  /** where the root is no root of a file system: its path there */
  within?: string;
  bound?: boolean;
}

interface MountChoices extends Pick<NewMount, "disk"> {
  /** it covers the root of another mount */
  onRoot?: boolean;
  readOnly?: boolean;
}

/** A place in the tree: a handle of the server of a mount. */
export interface Location {
  mount: Mount;
  handle: number;
}

/** The number of a mount that is in no table. */
const UNLISTED = 0;

/** What the kernel has files of, and nobody sees in the tree. @param filesystem no other's number, 0 or below */
export function unlistedMount(service: Service, type: string, filesystem: number): Mount {
  return {
    id: UNLISTED,
    path: "",
    type,
    service,
    server: service,
    readOnly: false,
    filesystem,
    device: { major: 0, minor: 0 },
    within: "/",
    bound: false,
    root: -1,
    unbindable: false,
    covers: undefined,
    cover: 0,
  };
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

  /** Mounts that are below another one, the upper before the lower. */
  below(mount: Mount): Mount[] {
    const found: Mount[] = [mount];
    for (let at = 0; at < found.length; at++) {
      found.push(...this.mounts.filter(({ covers }) => covers?.mount === found[at]));
    }
    return found.slice(1);
  }

  /**
   * Where a walk goes on that came to something covered: what is mounted there, if it is mounted at the place that
   * the walk came by, and else what is covered itself.
   * @param cover as the server tells it @param from the mount that the walk was in
   */
  entered(cover: number, from: Mount): Location {
    let mount = this.mounts.find((each) => each.cover === cover && each.covers?.mount === from);
    if (mount === undefined) {
      const { covers } = this.mounts.find((each) => each.cover === cover) ?? fail(E.EIO);
      return { mount: from, handle: covers!.handle };
    }
    while (mount.over !== undefined) mount = mount.over;
    return { mount, handle: mount.root };
  }

  /** Mounts the server's `index`th file system on a directory; `covers` is undefined for the root. */
  *mount(
    service: Service,
    index: number,
    type: string,
    path: string,
    covers: Covered | undefined,
    { onRoot = false, readOnly = false, disk }: MountChoices = {},
  ): Coroutine<Mount> {
    const root = yield* request(service, Private.ROOT, [index], new Uint8Array(64));
    return yield* this.add({ service, root, type, path, covers, readOnly, disk }, onRoot);
  }

  /**
   * Mounts what the caller has a handle of; the table closes it in the end, and that of what it covers.
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
      device: of?.device ?? what.disk ?? { major: 0, minor: id },
      within,
      bound,
      unbindable: false,
      covers: undefined,
      cover: 0,
    };
    this.restrict(mount, readOnly);
    if (covers !== undefined) yield* this.#cover(mount, covers, onRoot);
    this.mounts.push(mount);
    return mount;
  }

  *#cover(mount: Mount, covers: Covered, onRoot: boolean): Coroutine<void> {
    const [other] = this.#besides(covers);
    mount.cover = onRoot ? 0 : other?.cover ?? mount.id;
    if (onRoot) covers.mount.over = mount;
    else if (other === undefined) {
      yield* request(covers.mount.service, Private.COVER, [covers.handle, mount.cover]);
    }
    mount.covers = covers;
  }

  /** What a mount covered is seen again. */
  *#uncover(mount: Mount): Coroutine<void> {
    const { covers } = mount;
    if (covers === undefined) return;
    mount.covers = undefined;
    if (covers.mount.over === mount) covers.mount.over = undefined;
    else {
      yield* request(covers.mount.service, Private.COVER, [covers.handle, 0]);
      const [other] = this.#besides(covers);
      if (other !== undefined) {
        const { mount: { service }, handle } = other.covers!;
        yield* request(service, Private.COVER, [handle, other.cover]);
      }
    }
    yield* close(covers);
  }

  /** What else is mounted there, at other places of its file system. */
  #besides({ mount: { filesystem }, ino, generation }: Covered): Mount[] {
    return this.mounts.filter(({ covers, cover }) =>
      cover !== 0 && covers?.mount.filesystem === filesystem && covers.ino === ino &&
      covers.generation === generation
    );
  }

  /**
   * Moves a mount, and what is mounted below it, to another place; the table closes the handle of what it covers then.
   * @param onRoot whether it covers the root of another mount
   */
  *move(mount: Mount, covers: Covered, path: string, onRoot: boolean): Coroutine<void> {
    yield* this.#uncover(mount);
    yield* this.#cover(mount, covers, onRoot);
    const before = mount.path, moved = [mount, ...this.below(mount)];
    for (const each of moved) {
      each.path = path + each.path.slice(before.length);
      this.mounts.splice(this.mounts.indexOf(each), 1);
    }
    this.mounts.push(...moved);
  }

  /** Says whether what is seen at a mount may be changed there. */
  restrict(mount: Mount, readOnly: boolean): void {
    mount.readOnly = readOnly;
    mount.service = readOnly ? new ReadOnlyView(mount.server) : mount.server;
  }

  /** What a mount covered is seen again; handles that others have of it stay good. */
  *unmount(mount: Mount): Coroutine<void> {
    this.mounts.splice(this.mounts.indexOf(mount), 1);
    yield* this.#uncover(mount);
    yield* request(mount.server, Call.CLOSE, [mount.root]);
  }
}
