// The blocks of a directory as its inode has them.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Buffer } from "./buffer_cache.ts";
import type { DirectoryHost } from "./directory.ts";
import type { Ext4Inode } from "./inode.ts";
import { InodeFlag } from "./inode_format.ts";

export class DirectoryBlocks implements DirectoryHost {
  constructor(private readonly inode: Ext4Inode) {}

  get ino(): number {
    return this.inode.ino;
  }

  get blockBytes(): number {
    return this.inode.blockBytes;
  }

  get seed(): number | undefined {
    return this.inode.seed;
  }

  blockCount(): number {
    return this.inode.attributes.sizeBytes / this.blockBytes;
  }

  *readBlock(index: number): Coroutine<Buffer> {
    const { physical } = this.inode.extents.lookup(index);
    return physical < 0 ? fail(E.EUCLEAN) : yield* this.inode.filesystem.cache.read(physical);
  }

  *addBlock(): Coroutine<Buffer> {
    const { inode } = this, { filesystem, extents } = inode;
    const index = this.blockCount();
    const { block } = yield* filesystem.groups.allocate(extents.goal(index), 1);
    extents.insert({ logical: index, count: 1, physical: block, unwritten: false });
    inode.attributes.sizeBytes += this.blockBytes;
    const buffer = filesystem.cache.fresh(block);
    this.changed(buffer);
    yield* inode.storeExtents();
    return buffer;
  }

  changed(buffer: Buffer): void {
    this.inode.filesystem.changedDirectoryBlock(buffer, this.seed);
  }

  get indexed(): boolean {
    return (this.inode.flags & InodeFlag.INDEX) !== 0;
  }

  set indexed(value: boolean) {
    const { inode } = this;
    inode.flags = value ? inode.flags | InodeFlag.INDEX : inode.flags & ~InodeFlag.INDEX;
    inode.join();
  }
}
