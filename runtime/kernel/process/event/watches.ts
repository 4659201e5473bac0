// Which files are watched, by inode: the calls of this machine's programs tell what they do to them, whatever
// server the files are on (inotify(7)).
import type { Tasks } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call } from "../../vfs/protocol.ts";
import { ALL_EVENTS, IN, type InotifyDescription, type Watch } from "./inotify.ts";
import { type Location, type Mount, request } from "../path/mounts.ts";

/** As /proc/sys/fs/inotify/max_user_watches has it. */
const MOST_WATCHES = 65536;

/** A file as the walk to it, or an open descriptor, knows it. */
export interface Happening {
  mount: Mount;
  ino: number;
  generation: number;
  mode: number;
  /** the directory that it is in, inode 0 where that is not known, and its name there */
  above: { ino: number; generation: number };
  name: string;
  /** the name is not there any more: it was open when it was removed */
  unlinked?: boolean;
}

/** What tells an inode from all others of the machine. */
export function inodeIdentity(mount: Mount, inode: { ino: number; generation: number }): string {
  return `${mount.filesystem}:${inode.ino}:${inode.generation}`;
}

/** What a call that succeeded on a file is, for those who watch it; 0 for nothing. @param status of the call */
export function eventOf(number: number, status: number): number {
  switch (number) {
    case Call.PREAD64:
      return status > 0 ? IN.ACCESS : 0;
    case Call.GETDENTS64:
      return IN.ACCESS;
    case Call.PWRITE64:
      return status > 0 ? IN.MODIFY : 0;
    case Call.FTRUNCATE:
    case Call.FALLOCATE:
      return IN.MODIFY;
    case Call.FCHMOD:
    case Call.FCHOWN:
    case Call.UTIMENSAT:
    case Call.FSETXATTR:
    case Call.FREMOVEXATTR:
      return IN.ATTRIB;
    default:
      return 0;
  }
}

function isDirectory({ mode }: Happening): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}

export class WatchTable {
  readonly #byInode = new Map<string, Watch[]>();
  /** watched files without a name, that go when nobody has them open any more */
  readonly #unlinked = new Set<string>();
  #count = 0;
  #lastCookie = 0;

  /** @param open whether a process has an inode open */
  constructor(
    private readonly tasks: Tasks,
    private readonly open: (identity: string) => boolean,
  ) {}

  /** Whether anybody watches anything: nothing need be told otherwise. */
  get active(): boolean {
    return this.#count > 0;
  }

  has(identity: string): boolean {
    return this.#byInode.has(identity);
  }

  nextCookie(): number {
    return ++this.#lastCookie;
  }

  /** @returns the watch of an owner on an inode, if it has one */
  find(owner: InotifyDescription, identity: string): Watch | undefined {
    return this.#byInode.get(identity)?.find((watch) => watch.owner === owner);
  }

  /** @param place a handle that the watch keeps @throws Errno ENOSPC */
  add(owner: InotifyDescription, identity: string, place: Location, mask: number): Watch {
    if (this.#count >= MOST_WATCHES) fail(E.ENOSPC);
    const watch = { number: owner.nextNumber(), owner, mask, identity, place };
    const others = this.#byInode.get(identity);
    if (others === undefined) this.#byInode.set(identity, [watch]);
    else others.push(watch);
    owner.watches.set(watch.number, watch);
    this.#count++;
    return watch;
  }

  /** Ends a watch. @param told whether its owner learns of it */
  remove(watch: Watch, told: boolean): void {
    const rest = this.#byInode.get(watch.identity)!.filter((each) => each !== watch);
    if (rest.length > 0) this.#byInode.set(watch.identity, rest);
    else this.#byInode.delete(watch.identity);
    watch.owner.watches.delete(watch.number);
    this.#count--;
    const { mount, handle } = watch.place;
    this.tasks.spawn(request(mount.service, Call.CLOSE, [handle]));
    if (told) watch.owner.queue({ watch: watch.number, mask: IN.IGNORED, cookie: 0, name: "" });
  }

  /** Something happened to an inode itself, or to `name` in it. */
  #tellInode(identity: string, mask: number, name: string, cookie = 0, unlinked = false): void {
    for (const watch of this.#byInode.get(identity) ?? []) {
      if ((watch.mask & mask & ALL_EVENTS) === 0) continue;
      if (unlinked && (watch.mask & IN.EXCL_UNLINK) !== 0) continue;
      watch.owner.queue({ watch: watch.number, mask, cookie, name });
      if ((watch.mask & IN.ONESHOT) !== 0) this.remove(watch, true);
    }
  }

  /**
   * Tells those who watch a file, and those who watch the directory that it is in.
   * @param how whether the file's own watchers are told; events of directories alone are not theirs
   */
  tell(event: number, file: Happening, how: { selfToo: boolean; cookie?: number }): void {
    if (!this.active) return;
    const mask = isDirectory(file) ? event | IN.ISDIR : event;
    if (file.above.ino !== 0 && file.name !== "") {
      const above = inodeIdentity(file.mount, file.above);
      this.#tellInode(above, mask, file.name, how.cookie, file.unlinked);
    }
    if (how.selfToo) this.#tellInode(inodeIdentity(file.mount, file), mask, "");
  }

  /** Tells those who watch the file itself. */
  tellSelf(event: number, file: Happening): void {
    if (!this.active) return;
    // That it is a directory is not said with what happens to its name, as of old.
    const mask = event === IN.ATTRIB && isDirectory(file) ? event | IN.ISDIR : event;
    this.#tellInode(inodeIdentity(file.mount, file), mask, "");
  }

  /** A file has lost its last name: its watches end, now or when nobody has it open any more. */
  unlinked(file: Happening): void {
    const identity = inodeIdentity(file.mount, file);
    if (!this.#byInode.has(identity)) return;
    this.#unlinked.add(identity);
    this.closed(identity);
  }

  /** A file was closed, and may have been open nowhere else. */
  closed(identity: string): void {
    if (!this.#unlinked.has(identity) || this.open(identity)) return;
    this.#unlinked.delete(identity);
    this.#tellInode(identity, IN.DELETE_SELF, "");
    for (const watch of this.#byInode.get(identity) ?? []) this.remove(watch, true);
  }
}
