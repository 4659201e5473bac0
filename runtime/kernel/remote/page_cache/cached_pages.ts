// What a write does to the pages that are kept of its file.
import type { CachedFile } from "./cached_file.ts";
import type { KeptBytes } from "../contract/kept_bytes.ts";
import { PAGE_BYTES, type PagePool } from "./page_pool.ts";

/** A page as it will be, in a frame that is no file's yet. */
export type HeldPage = [page: number, frame: number];
export const NO_PAGES: HeldPage[] = [];

/**
 * Pages that are kept are written to, and others kept if they are known as a whole now.
 * @returns the payload, in pages that stay as they are; nothing where it is not just that
 */
export function putBytes(
  pool: PagePool,
  file: CachedFile,
  offset: number,
  payload: Uint8Array,
): KeptBytes | undefined {
  const isPages = offset % PAGE_BYTES === 0 && payload.length % PAGE_BYTES === 0;
  const replaced = isPages ? pool.replace(file, offset / PAGE_BYTES, payload) : undefined;
  if (replaced !== undefined) return replaced;
  for (let done = 0; done < payload.length;) {
    const at = offset + done, page = Math.floor(at / PAGE_BYTES), within = at - page * PAGE_BYTES;
    const part = Math.min(PAGE_BYTES - within, payload.length - done);
    const bytes = payload.subarray(done, done + part);
    const isWhole = within === 0 && (part === PAGE_BYTES || at + part === file.sizeBytes);
    if (file.frames.has(page)) pool.write(file, page, within, bytes);
    else if (isWhole && pool.hasFree) pool.keep(file, page, bytes);
    done += part;
  }
  return isPages ? pool.hold(file, offset / PAGE_BYTES, payload.length / PAGE_BYTES) : undefined;
}

export function dropBytes(pool: PagePool, file: CachedFile, offset: number, length: number): void {
  if (file.frames.size === 0) return;
  const end = Math.min(offset + length, file.knownBytes);
  for (let page = Math.floor(offset / PAGE_BYTES); page * PAGE_BYTES < end; page++) {
    pool.drop(file, page);
  }
}

/** The page in which a file ends: whatever is written may put the end elsewhere. */
export function dropEnd(pool: PagePool, file: CachedFile): void {
  if (file.sizeBytes < 0) return;
  if (file.sizeBytes % PAGE_BYTES !== 0) {
    pool.drop(file, Math.floor(file.sizeBytes / PAGE_BYTES));
  }
  file.sizeBytes = -1;
}

/** Takes the pages of a write away. @returns those that it writes as a whole, with what it writes */
export function withdrawReplaced(
  pool: PagePool,
  file: CachedFile,
  offset: number,
  payload: Uint8Array,
): HeldPage[] {
  if (file.frames.size === 0) return NO_PAGES;
  const end = offset + payload.length;
  const pages: HeldPage[] = [];
  for (let page = Math.floor(offset / PAGE_BYTES); page * PAGE_BYTES < end; page++) {
    const at = page * PAGE_BYTES - offset;
    if (at < 0 || at + PAGE_BYTES > payload.length) pool.drop(file, page);
    else {
      const frame = pool.withdraw(file, page);
      if (frame < 0) continue;
      pool.fill(frame, payload.subarray(at, at + PAGE_BYTES));
      pages.push([page, frame]);
    }
  }
  return pages;
}
