// How large an ext4 image has to be for a tree, and how many inodes it needs.
import type { Entry } from "./tree/entry.ts";

const BLOCK_BYTES = 4096;
const INODE_BYTES = 256;
const BLOCKS_PER_GROUP = BLOCK_BYTES * 8;
const MIB = 1 << 20;
/** mkfs' journals: 4 MiB below 512 MiB, 16 MiB below 4 GiB, 32 MiB above. */
const JOURNALS = [[512 * MIB, 4 * MIB], [4096 * MIB, 16 * MIB], [Infinity, 32 * MIB]];
const DEFAULT_BYTES_PER_INODE = 16384;
const MIN_BYTES_PER_INODE = 2048;
/** Inodes left over for what programs make. */
const SPARE_INODES = 4096;
/** Room beyond the contents: a share of them, and at least this. */
const ROOM_SHARE = 0.25, MIN_ROOM_BYTES = 64 * MIB;
/** An entry of a directory takes 8 bytes and its name; directories are seldom more than half full. */
const DIRECTORY_FILL = 0.5;
const MAX_SHORT_TARGET = 59;

export interface Layout {
  sizeBytes: number;
  bytesPerInode: number;
}

/** What the tree needs, and some room to work in. */
export function fitExt4(entries: Entry[]): Layout {
  const { contentBytes, inodes } = measure(entries);
  const needed = contentBytes + (inodes + SPARE_INODES) * INODE_BYTES;
  const room = Math.max(MIN_ROOM_BYTES, needed * ROOM_SHARE);
  // Bitmaps, descriptors and a reserve of a twentieth are mkfs' own.
  let sizeBytes = (needed + room) * 1.06;
  sizeBytes += JOURNALS.find(([limit]) => sizeBytes < limit)![1];
  sizeBytes += Math.ceil(sizeBytes / (BLOCKS_PER_GROUP * BLOCK_BYTES)) * 4 * BLOCK_BYTES;
  return layoutFor(entries, Math.ceil(sizeBytes / MIB) * MIB);
}

/** An image of a given size, with inodes enough for the tree. */
export function layoutFor(entries: Entry[], sizeBytes: number): Layout {
  const { inodes } = measure(entries);
  const bytesPerInode = Math.floor(sizeBytes / (inodes + SPARE_INODES));
  return {
    sizeBytes,
    bytesPerInode: Math.max(MIN_BYTES_PER_INODE, Math.min(DEFAULT_BYTES_PER_INODE, bytesPerInode)),
  };
}

function measure(entries: Entry[]): { contentBytes: number; inodes: number } {
  const nameBytes = new Map<string, number>();
  const blocks = (bytes: number) => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
  let contentBytes = 0, inodes = 0;
  for (const entry of entries) {
    const folder = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf("/")));
    const name = entry.path.length - folder.length + 12;
    nameBytes.set(folder, (nameBytes.get(folder) ?? 0) + name);
    if (entry.kind !== "hardlink") inodes++;
    if (entry.kind === "file") contentBytes += blocks(entry.data.sizeBytes);
    else if (entry.kind === "directory") contentBytes += BLOCK_BYTES;
    else if (entry.kind === "symlink" && entry.target.length > MAX_SHORT_TARGET) {
      contentBytes += BLOCK_BYTES;
    }
  }
  for (const bytes of nameBytes.values()) {
    if (bytes > BLOCK_BYTES * DIRECTORY_FILL) contentBytes += blocks(bytes / DIRECTORY_FILL);
  }
  return { contentBytes, inodes };
}
