// Writing to a regular file: into pages of the cache, with blocks for all of them before the operation ends. Where
// pages and blocks are there already, it is done at once.
import type { Blocking, Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { APPEND, S } from "../../vfs/filesystem.ts";
import { type Page, PAGE_BYTES } from "../page_cache/page_cache.ts";
import { MAX_BLOCKS } from "./extents.ts";
import type { Ext4Inode } from "./inode.ts";

/** Pages of one write whose blocks are allocated together. */
const WRITE_PAGES = 64;

/** Writes at a position or at {@link APPEND}. @returns bytes written @throws Errno ENOSPC, EFBIG, EROFS, EIO */
export function writeFile(inode: Ext4Inode, position: number, from: Uint8Array): Blocking<number> {
  const offset = position === APPEND ? inode.attributes.sizeBytes : position;
  if (canWriteNow(inode, offset, from.length)) {
    const { transactions } = inode.filesystem;
    transactions.beginNow();
    copyIn(inode, offset, from, 0, from.length);
    wrote(inode, offset + from.length);
    transactions.end();
    inode.data.wrote(offset, offset + from.length);
    return from.length;
  }
  return writeSlowly(inode, position, from);
}

/** Whether every page is in memory and every block is there: then a write waits for nothing. */
function canWriteNow(inode: Ext4Inode, offset: number, length: number): boolean {
  const { filesystem } = inode;
  if (
    !inode.mapped || inode.lock.held || !filesystem.transactions.open ||
    filesystem.files.pageCache.crowded || length === 0
  ) return false;
  for (
    let index = Math.floor(offset / PAGE_BYTES);
    index * PAGE_BYTES < offset + length;
    index++
  ) {
    if (!inode.data.pages.get(index)?.ready) return false;
  }
  const blockBytes = inode.blockBytes;
  for (let block = Math.floor(offset / blockBytes); block * blockBytes < offset + length;) {
    const { physical, unwritten, count } = inode.extents.lookup(block);
    if (physical < 0 || unwritten) return false;
    block += count;
  }
  return true;
}

function copyIn(
  inode: Ext4Inode,
  offset: number,
  from: Uint8Array,
  done: number,
  end: number,
): void {
  while (done < end) {
    const within = (offset + done) % PAGE_BYTES;
    const page = inode.data.pages.get(Math.floor((offset + done) / PAGE_BYTES))!;
    const part = Math.min(PAGE_BYTES - within, end - done);
    page.frame.bytes.set(part === from.length ? from : from.subarray(done, done + part), within);
    page.referenced = true;
    page.ready = true;
    inode.filesystem.files.pageCache.markDirty(page);
    done += part;
  }
}

function wrote(inode: Ext4Inode, end: number): void {
  if (end > inode.attributes.sizeBytes) inode.attributes.sizeBytes = end;
  inode.attributes.mode &= ~(S.ISUID | ((inode.attributes.mode & 0o010) !== 0 ? S.ISGID : 0));
  inode.touch(true);
}

function* writeSlowly(inode: Ext4Inode, position: number, from: Uint8Array): Coroutine<number> {
  const { filesystem } = inode;
  if (filesystem.readOnly) fail(E.EROFS);
  if (from.length === 0) return 0;
  yield* inode.lock.acquire();
  try {
    const offset = position === APPEND ? inode.attributes.sizeBytes : position;
    if (offset + from.length > MAX_BLOCKS * inode.blockBytes) fail(E.EFBIG);
    yield* inode.map();
    for (let done = 0; done < from.length;) {
      if (filesystem.files.pageCache.crowded) yield* inode.data.writeData();
      const start = offset + done;
      const end = Math.min(
        offset + from.length,
        (Math.floor(start / PAGE_BYTES) + WRITE_PAGES) * PAGE_BYTES,
      );
      const pages: Page[] = [];
      try {
        yield* pinPages(inode, pages, start, end);
        const reached = yield* filesystem.operation(() =>
          writePart(inode, offset, from, start, end)
        );
        done = reached - offset;
      } catch (failure) {
        if (done > 0 && (failure as { errno?: number }).errno === E.ENOSPC) return done;
        throw failure;
      } finally {
        for (const page of pages) inode.data.unpin(page);
      }
    }
    inode.data.wrote(offset, offset + from.length);
    return from.length;
  } finally {
    inode.lock.release();
  }
}

/** Pages are in memory before blocks are given to them: what is read must be what was there before. */
function* pinPages(inode: Ext4Inode, pages: Page[], start: number, end: number): Coroutine<void> {
  for (let index = Math.floor(start / PAGE_BYTES); index * PAGE_BYTES < end; index++) {
    const from = index * PAGE_BYTES;
    const rest = start <= from && end >= from + PAGE_BYTES
      ? "nothing"
      : from >= inode.attributes.sizeBytes
      ? "zeros"
      : "contents";
    pages.push(yield* inode.data.pin(index, rest));
  }
}

/** @returns the position reached */
function* writePart(
  inode: Ext4Inode,
  offset: number,
  from: Uint8Array,
  start: number,
  end: number,
): Coroutine<number> {
  const blockBytes = inode.blockBytes;
  const first = Math.floor(start / blockBytes), beyond = Math.ceil(end / blockBytes);
  let changed = false;
  let reached = beyond;
  try {
    for (let block = first; block < beyond;) {
      const { physical, unwritten, count } = inode.extents.lookup(block);
      const length = Math.min(count, beyond - block);
      if (physical < 0) {
        const run = yield* inode.filesystem.groups.allocate(inode.extents.goal(block), length);
        inode.extents.insert({
          logical: block,
          count: run.count,
          physical: run.block,
          unwritten: false,
        });
        changed = true;
        block += run.count;
        continue;
      }
      if (unwritten) {
        inode.extents.markWritten(block, block + length);
        changed = true;
      }
      block += length;
    }
  } catch (failure) {
    // Out of space: what has blocks is written, the rest is not.
    for (reached = first; reached < beyond; reached++) {
      if (inode.extents.lookup(reached).physical < 0) break;
    }
    if (reached * blockBytes <= start) {
      if (changed) yield* inode.storeExtents();
      throw failure;
    }
  }
  if (changed) yield* inode.storeExtents();
  const last = Math.min(end, reached * blockBytes);
  copyIn(inode, offset, from, start - offset, last - offset);
  wrote(inode, last);
  return last;
}
