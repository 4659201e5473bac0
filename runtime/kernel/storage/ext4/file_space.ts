// The space that a regular file takes: its size, blocks given back and blocks reserved (truncate(2), fallocate(2)), and
// where its holes are (lseek(2)).
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { PAGE_BYTES } from "../page_cache/page_cache.ts";
import { MAX_BLOCKS, MAX_UNWRITTEN } from "./extents.ts";
import type { Ext4Inode } from "./inode.ts";

/** Sets the size; what is beyond is gone, what is new reads as zeros. @throws Errno EROFS, EFBIG, EIO */
export function* truncate(inode: Ext4Inode, sizeBytes: number): Coroutine<void> {
  if (inode.filesystem.readOnly) fail(E.EROFS);
  if (sizeBytes > MAX_BLOCKS * inode.blockBytes) fail(E.EFBIG);
  yield* inode.lock.acquire();
  try {
    yield* inode.map();
    yield* inode.filesystem.operation(() => cut(inode, sizeBytes));
  } finally {
    inode.lock.release();
  }
}

function* cut(inode: Ext4Inode, sizeBytes: number): Coroutine<void> {
  const shrinks = sizeBytes < inode.attributes.sizeBytes;
  inode.attributes.sizeBytes = sizeBytes;
  // After the size: until then the bytes are the file's, and readers see them.
  if (shrinks) yield* zeroTail(inode, sizeBytes, Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES);
  if (shrinks || inode.extents.extents.length > 0) {
    inode.data.dropFrom(Math.ceil(sizeBytes / PAGE_BYTES));
    yield* freeRange(inode, Math.ceil(sizeBytes / inode.blockBytes), Infinity);
  }
  inode.touch(true);
}

/** Gives blocks back. Part of an operation. */
function* freeRange(inode: Ext4Inode, first: number, beyond: number): Coroutine<void> {
  const runs = inode.extents.remove(first, beyond);
  if (runs.length === 0) return;
  for (const run of runs) yield* inode.filesystem.groups.free(run.physical, run.count);
  yield* inode.storeExtents();
}

/** Zeros a range that lies in one page, where the page has contents. Pages need no operation. */
function* zeroTail(inode: Ext4Inode, from: number, to: number): Coroutine<void> {
  if (from >= to) return;
  const block = Math.floor(from / inode.blockBytes);
  if (
    inode.extents.lookup(block).physical < 0 && !inode.data.pages.has(Math.floor(from / PAGE_BYTES))
  ) return;
  const page = yield* inode.data.load(Math.floor(from / PAGE_BYTES));
  page.frame.bytes.fill(0, from % PAGE_BYTES, from % PAGE_BYTES + to - from);
  inode.filesystem.files.pageCache.markDirty(page);
}

/** Reserves blocks, or gives them back: fallocate(2). @throws Errno EROFS, EFBIG, ENOSPC, EIO */
export function* allocate(
  inode: Ext4Inode,
  mode: "allocate" | "punch-hole" | "zero-range",
  offset: number,
  length: number,
  keepSize: boolean,
): Coroutine<void> {
  if (inode.filesystem.readOnly) fail(E.EROFS);
  const end = offset + length;
  if (end > MAX_BLOCKS * inode.blockBytes) fail(E.EFBIG);
  yield* inode.lock.acquire();
  try {
    yield* inode.map();
    if (mode !== "allocate") yield* punch(inode, offset, end);
    if (mode !== "punch-hole") yield* reserve(inode, offset, end);
    yield* inode.filesystem.operation(() => {
      if (!keepSize && end > inode.attributes.sizeBytes) inode.attributes.sizeBytes = end;
      inode.touch(true);
    });
  } finally {
    inode.lock.release();
  }
}

function* punch(inode: Ext4Inode, offset: number, end: number): Coroutine<void> {
  const limit = Math.min(end, Math.ceil(inode.attributes.sizeBytes / PAGE_BYTES) * PAGE_BYTES);
  const firstPage = Math.ceil(offset / PAGE_BYTES), beyondPage = Math.floor(end / PAGE_BYTES);
  if (firstPage > beyondPage) yield* zeroTail(inode, offset, Math.min(end, limit));
  else {
    yield* zeroTail(inode, offset, Math.min(firstPage * PAGE_BYTES, limit));
    yield* zeroTail(inode, beyondPage * PAGE_BYTES, limit);
  }
  yield* inode.filesystem.operation(() => {
    // Pages that lose all their blocks go; the blocks of the others stay and read as the zeros above.
    inode.data.dropFrom(firstPage, beyondPage);
    const perPage = PAGE_BYTES / inode.blockBytes;
    return freeRange(inode, firstPage * perPage, Math.max(firstPage, beyondPage) * perPage);
  });
}

function* reserve(inode: Ext4Inode, offset: number, end: number): Coroutine<void> {
  const beyond = Math.ceil(end / inode.blockBytes);
  for (let block = Math.floor(offset / inode.blockBytes); block < beyond;) {
    const { physical, count } = inode.extents.lookup(block);
    const length = Math.min(count, beyond - block);
    if (physical >= 0) {
      block += length;
      continue;
    }
    block += yield* inode.filesystem.operation(() =>
      reserveRun(inode, block, Math.min(length, MAX_UNWRITTEN))
    );
  }
}

function* reserveRun(inode: Ext4Inode, block: number, length: number): Coroutine<number> {
  const run = yield* inode.filesystem.groups.allocate(inode.extents.goal(block), length);
  inode.extents.insert({ logical: block, count: run.count, physical: run.block, unwritten: true });
  yield* inode.storeExtents();
  return run.count;
}

/** @returns where data or a hole is, from an offset on; -1 for no data before the end */
export function* seek(inode: Ext4Inode, offset: number, what: "data" | "hole"): Coroutine<number> {
  yield* inode.map();
  const size = inode.attributes.sizeBytes;
  for (let block = Math.floor(offset / inode.blockBytes); block * inode.blockBytes < size;) {
    const { physical, unwritten, count } = inode.extents.lookup(block);
    if ((physical >= 0 && !unwritten) === (what === "data")) {
      return Math.max(offset, block * inode.blockBytes);
    }
    block += count;
  }
  return what === "hole" ? size : -1;
}
