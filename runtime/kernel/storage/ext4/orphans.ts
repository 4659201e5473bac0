// Inodes in use that have no name: the list of them on the image, by which a mount after a crash finds what nobody will
// delete any more.
import { type Coroutine, finish } from "../../coroutine.ts";
import type { Ext4 } from "./ext4.ts";
import type { Ext4Inode } from "./inode.ts";

export class Orphans {
  /** oldest first: the list on the image begins with the newest */
  readonly #inodes: Ext4Inode[] = [];
  /** those found at the mount, held until `drop` */
  #kept: Ext4Inode[] = [];

  constructor(private readonly filesystem: Ext4) {}

  /** Inodes without a name that a crash left; they wait for `drop`. Interrupted truncations end here. */
  *collect(): Coroutine<void> {
    const { filesystem } = this, { superblock } = filesystem;
    const seen = new Set<number>();
    for (let ino = superblock.lastOrphan; ino !== 0;) {
      if (seen.has(ino) || ino > superblock.inodes) {
        filesystem.environment.log(
          "ext4: the list of orphans is damaged; the rest of it is left for a check",
        );
        break;
      }
      seen.add(ino);
      const inode = yield* filesystem.inodes.hold(ino);
      this.#inodes.unshift(inode);
      ino = inode.nextOrphan;
    }
    this.#kept = this.#inodes.filter((inode) => inode.attributes.links === 0);
    for (const inode of [...this.#inodes]) {
      if (inode.attributes.links === 0) continue;
      yield* inode.truncate(inode.attributes.sizeBytes);
      yield* filesystem.operation(() => this.remove(inode));
      yield* finish(inode.release());
    }
  }

  /** Lets go of those that were kept for clients of before: what nobody reopened goes. */
  *drop(): Coroutine<void> {
    const kept = this.#kept;
    this.#kept = [];
    for (const inode of kept) yield* finish(inode.release());
  }

  /** It has lost its last name. Part of an operation. */
  add(inode: Ext4Inode): void {
    inode.nextOrphan = this.filesystem.superblock.lastOrphan;
    this.filesystem.superblock.lastOrphan = inode.ino;
    this.#inodes.push(inode);
    this.filesystem.changedSuperblock();
    inode.join();
  }

  /** It has a name again, or is gone. Part of an operation. */
  remove(inode: Ext4Inode): void {
    const at = this.#inodes.indexOf(inode);
    if (at < 0) return;
    const newer = this.#inodes[at + 1];
    if (newer === undefined) {
      this.filesystem.superblock.lastOrphan = inode.nextOrphan;
      this.filesystem.changedSuperblock();
    } else {
      newer.nextOrphan = inode.nextOrphan;
      newer.join();
    }
    this.#inodes.splice(at, 1);
    inode.nextOrphan = 0;
  }
}
