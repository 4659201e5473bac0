// Calls about memory: mmap(2) and its family, brk(2). Addresses and lengths come in bytes.
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { FileDescription } from "../file/description.ts";
import type { Handlers } from "../handler.ts";
import { RLIMIT } from "../limits.ts";
import type { AddressSpace } from "./address_space.ts";
import { END_PAGE } from "./mapping.ts";
import { type PageObject, SharedMemoryObject } from "./page_object.ts";
import { request } from "../path/mounts.ts";
import type { Process } from "../process.ts";
import { Call } from "../../vfs/protocol.ts";

const PROT = { READ: 1, WRITE: 2, EXEC: 4, GROWSDOWN: 0x0100_0000, GROWSUP: 0x0200_0000 } as const;
const MAP = {
  SHARED: 1,
  PRIVATE: 2,
  SHARED_VALIDATE: 3,
  TYPE: 15,
  FIXED: 0x10,
  ANONYMOUS: 0x20,
  DENYWRITE: 0x800,
  NORESERVE: 0x4000,
  POPULATE: 0x8000,
  HUGETLB: 0x4_0000,
  SYNC: 0x8_0000,
  FIXED_NOREPLACE: 0x10_0000,
} as const;
const MREMAP = { MAYMOVE: 1, FIXED: 2, DONTUNMAP: 4 } as const;
const MS = { ASYNC: 1, INVALIDATE: 2, SYNC: 4 } as const;
const MADV = {
  WILLNEED: 3,
  DONTNEED: 4,
  FREE: 8,
  REMOVE: 9,
  DONTFORK: 10,
  DOFORK: 11,
  HWPOISON: 100,
} as const;
/** Advice that changes nothing that a program can see. */
const HARMLESS_ADVICE = [0, 1, 2, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23];
/**
 * Libraries are mapped from here down, each at a place of its own in all processes. Translation tables have one
 * entry for all pages with the same lower halves of addresses: those of libraries are between what other mappings
 * have, which begin at 0xf000_0000 and go down, and the stack's.
 */
const LIBRARIES_TOP_PAGE = 0x2f_ff00_0000 / PAGE_BYTES;
const LIBRARIES_BOTTOM_PAGE = 0x20_0000_0000 / PAGE_BYTES;

function spaceOf(process: Process): AddressSpace {
  return process.memory ?? fail(E.ENOSYS);
}

/** Bits of `Access` of a protection. */
export function accessOf(protection: number): number {
  return ((protection & PROT.READ) !== 0 ? Access.READ : 0) |
    ((protection & PROT.WRITE) !== 0 ? Access.WRITE | Access.READ : 0) |
    ((protection & PROT.EXEC) !== 0 ? Access.EXECUTE : 0);
}

/** Whether RLIMIT_AS allows so many pages more. */
function mayGrow(process: Process, pages: number): boolean {
  return spaceOf(process).mappings.pages + pages <= process.limits[RLIMIT.AS].soft / PAGE_BYTES;
}

/** A range of bytes as pages. @throws Errno EINVAL where it is not aligned, empty, or out of memory */
function pagesOf(address: number, length: number): { start: number; end: number } {
  if (address % PAGE_BYTES !== 0 || !(length >= 0)) fail(E.EINVAL);
  const start = address / PAGE_BYTES;
  const end = start + Math.ceil(length / PAGE_BYTES);
  if (!(end <= END_PAGE)) fail(E.EINVAL);
  return { start, end };
}

function* mmap(
  process: Process,
  address: number,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
): Coroutine<number> {
  const space = spaceOf(process);
  if (length === 0 || offset % PAGE_BYTES !== 0 || !(offset >= 0)) fail(E.EINVAL);
  const pages = Math.ceil(length / PAGE_BYTES);
  if (!(pages <= END_PAGE)) fail(E.ENOMEM);
  const type = flags & MAP.TYPE;
  if (type !== MAP.SHARED && type !== MAP.PRIVATE && type !== MAP.SHARED_VALIDATE) fail(E.EINVAL);
  if ((flags & MAP.HUGETLB) !== 0) fail(E.ENOMEM);
  if (type === MAP.SHARED_VALIDATE && (flags & MAP.SYNC) !== 0) fail(E.EOPNOTSUPP);
  const shared = type !== MAP.PRIVATE;
  const access = accessOf(protection);
  const { frames } = space.memory;
  // As Linux guesses: what could never be had is refused at once.
  const counted = (access & Access.WRITE) !== 0 && !shared && (flags & MAP.NORESERVE) === 0;
  if (counted && pages > frames.total) fail(E.ENOMEM);
  if (!mayGrow(process, pages)) fail(E.ENOMEM);

  let object: PageObject | undefined;
  let name = "";
  let readOnly = false;
  let identity = "";
  if ((flags & MAP.ANONYMOUS) === 0) {
    const file = process.description(fd);
    if (!(file instanceof FileDescription)) return fail(E.ENODEV);
    const mode = file.flags & O.ACCMODE;
    if (mode === O.WRONLY || (file.flags & O.PATH) !== 0) fail(E.EACCES);
    const sealed = shared && !process.kernel.local.anonymous.mayMapToWrite(file);
    const writable = shared && mode === O.RDWR && !sealed;
    if (shared && (access & Access.WRITE) !== 0 && !writable) fail(sealed ? E.EPERM : E.EACCES);
    if ((file.mode & S.IFMT) !== S.IFREG) fail(E.ENODEV);
    readOnly = shared && !writable;
    identity = file.identity;
    name = file.origin.path;
    object = yield* space.memory.files.open(identity, file.location, writable);
    if ((access & Access.EXECUTE) !== 0) object.willExecute?.(offset / PAGE_BYTES, pages);
  } else if (shared) object = new SharedMemoryObject(frames);

  let start: number;
  if ((flags & (MAP.FIXED | MAP.FIXED_NOREPLACE)) !== 0) {
    if (address % PAGE_BYTES !== 0) fail(E.EINVAL);
    start = address / PAGE_BYTES;
    if (start === 0) fail(E.EPERM);
    if (!(start + pages <= END_PAGE)) fail(E.ENOMEM);
    if ((flags & MAP.FIXED_NOREPLACE) !== 0 && !space.mappings.isFree(start, start + pages)) {
      fail(E.EEXIST);
    }
  } else {
    start = Math.floor(address / PAGE_BYTES);
    if (start < 16 || !space.mappings.isFree(start, start + pages)) {
      start = (flags & MAP.DENYWRITE) !== 0 && object !== undefined
        ? libraryPlace(space, `${identity} ${pages}`, pages)
        : space.place(pages);
    }
  }
  space.map({
    start,
    end: start + pages,
    access,
    shared,
    object,
    objectPage: offset / PAGE_BYTES,
    name,
    readOnly,
    notForked: false,
  });
  if ((flags & MAP.POPULATE) !== 0 && access !== 0) {
    const kind = (access & Access.WRITE) !== 0 ? Access.WRITE : Access.READ;
    for (let page = start; page < start + pages; page++) {
      if (space.frameFor(page, kind) !== 0) continue;
      if ((yield* space.fault(page, kind)) !== undefined) break;
    }
  }
  return start * PAGE_BYTES;
}

/** The same file goes to the same place in every process, so that translated code serves them all. */
export function libraryPlace(space: AddressSpace, key: string, pages: number): number {
  const { preferredPlaces } = space.memory;
  let start = preferredPlaces.get(key);
  if (start === undefined) {
    const lowest = preferredPlaces.get("") ?? LIBRARIES_TOP_PAGE;
    // A page between libraries stays free.
    start = lowest - pages - 1;
    if (start < LIBRARIES_BOTTOM_PAGE) return space.place(pages);
    preferredPlaces.set("", start);
    preferredPlaces.set(key, start);
  }
  return space.mappings.isFree(start, start + pages) ? start : space.place(pages);
}

function munmap(process: Process, address: number, length: number): number {
  const { start, end } = pagesOf(address, length);
  if (start === end) fail(E.EINVAL);
  spaceOf(process).unmap(start, end);
  return 0;
}

function mprotect(process: Process, address: number, length: number, protection: number): number {
  const { start, end } = pagesOf(address, length);
  const known = PROT.READ | PROT.WRITE | PROT.EXEC | PROT.GROWSDOWN | PROT.GROWSUP;
  if ((protection & ~known) !== 0) fail(E.EINVAL);
  const space = spaceOf(process);
  if (start === end) return 0;
  const access = accessOf(protection);
  for (const mapping of space.mappings.overlapping(start, end)) {
    if ((access & Access.WRITE) !== 0 && mapping.readOnly) fail(E.EACCES);
  }
  space.setAccess(start, end, access);
  return 0;
}

function mremap(
  process: Process,
  address: number,
  oldLength: number,
  newLength: number,
  flags: number,
  newAddress: number,
): number {
  const space = spaceOf(process);
  const { start, end } = pagesOf(address, oldLength);
  const fixed = (flags & MREMAP.FIXED) !== 0;
  if ((flags & ~(MREMAP.MAYMOVE | MREMAP.FIXED)) !== 0) fail(E.EINVAL);
  if (fixed && (flags & MREMAP.MAYMOVE) === 0 || !(newLength > 0)) fail(E.EINVAL);
  const pages = Math.ceil(newLength / PAGE_BYTES);
  if (!(pages <= END_PAGE)) fail(E.ENOMEM);
  const mapping = space.mappings.find(start) ?? fail(E.EFAULT);
  // Of a shared mapping, an old length of zero makes a second one.
  const copies = start === end;
  if (copies ? !mapping.shared : mapping.end < end) fail(copies ? E.EINVAL : E.EFAULT);
  const length = end - start;
  if (!fixed && !copies && pages <= length) {
    if (pages < length) space.unmap(start + pages, end);
    return address;
  }
  const objectPage = mapping.objectPage + start - mapping.start;
  if (pages > length && !mayGrow(process, pages - length)) fail(E.ENOMEM);
  if (pages > space.memory.frames.total && !mapping.shared) fail(E.ENOMEM);
  if (!fixed && !copies && mapping.end === end && space.mappings.isFree(end, start + pages)) {
    space.map({ ...mapping, start: end, end: start + pages, objectPage: objectPage + length });
    return address;
  }
  if ((flags & MREMAP.MAYMOVE) === 0) fail(E.ENOMEM);
  let target: number;
  if (fixed) {
    target = pagesOf(newAddress, newLength).start;
    if (target < end && start < target + pages) fail(E.EINVAL);
  } else target = space.place(pages);
  const { access, shared, object, name, readOnly, notForked } = mapping;
  space.map({
    start: target,
    end: target + pages,
    access,
    shared,
    object,
    objectPage,
    name,
    readOnly,
    notForked,
  });
  if (!copies) {
    space.move(start, target, Math.min(length, pages));
    space.unmap(start, end);
  }
  return target * PAGE_BYTES;
}

function madvise(process: Process, address: number, length: number, advice: number): number {
  const { start, end } = pagesOf(address, length);
  const space = spaceOf(process);
  if (start === end) return 0;
  switch (advice) {
    case MADV.DONTNEED:
    case MADV.FREE:
      for (const mapping of space.mappings.overlapping(start, end)) {
        space.discard(Math.max(start, mapping.start), Math.min(end, mapping.end));
      }
      return space.mappings.covers(start, end) ? 0 : fail(E.ENOMEM);
    case MADV.DONTFORK:
    case MADV.DOFORK:
      for (const mapping of space.mappings.isolate(start, end)) {
        mapping.notForked = advice === MADV.DONTFORK;
      }
      return 0;
    case MADV.WILLNEED:
      for (
        const { object, start: from, end: to, objectPage } of space.mappings.overlapping(start, end)
      ) {
        const first = Math.max(start, from);
        object?.willRead?.(objectPage + first - from, Math.min(end, to) - first);
      }
      return space.mappings.covers(start, end) ? 0 : fail(E.ENOMEM);
    default:
      return HARMLESS_ADVICE.includes(advice) ? 0 : fail(E.EINVAL);
  }
}

/** Answers the end of the heap, which stays where it was when it cannot be moved. */
function brk(process: Process, address: number): number {
  const space = spaceOf(process);
  if (!(address >= space.heapStart)) return space.heapEnd;
  const old = Math.ceil(space.heapEnd / PAGE_BYTES), end = Math.ceil(address / PAGE_BYTES);
  if (end > old) {
    const heap = (end - space.heapStart / PAGE_BYTES) * PAGE_BYTES;
    const limit = Math.min(
      process.limits[RLIMIT.DATA].soft,
      space.memory.frames.total * PAGE_BYTES,
    );
    if (heap > limit || !mayGrow(process, end - old)) return space.heapEnd;
    if (!space.mappings.isFree(old, end)) return space.heapEnd;
    space.map({
      start: old,
      end,
      access: Access.READ | Access.WRITE,
      shared: false,
      object: undefined,
      objectPage: 0,
      name: "[heap]",
      readOnly: false,
      notForked: false,
    });
  } else if (end < old) space.unmap(end, old);
  return space.heapEnd = address;
}

function* msync(
  process: Process,
  address: number,
  length: number,
  flags: number,
): Coroutine<number> {
  const { start, end } = pagesOf(address, length);
  const both = MS.ASYNC | MS.SYNC;
  if ((flags & ~(both | MS.INVALIDATE)) !== 0 || (flags & both) === both) fail(E.EINVAL);
  const space = spaceOf(process);
  for (const mapping of space.mappings.overlapping(start, end)) {
    if (!mapping.shared || mapping.object?.flush === undefined) continue;
    const from = Math.max(start, mapping.start) - mapping.start + mapping.objectPage;
    const to = Math.min(end, mapping.end) - mapping.start + mapping.objectPage;
    yield* finish(mapping.object.flush(from, to));
    if ((flags & MS.SYNC) !== 0 && mapping.object.file !== undefined) {
      const { mount, handle } = mapping.object.file;
      yield* request(mount.service, Call.FDATASYNC, [handle]);
    }
  }
  return space.mappings.covers(start, end) ? 0 : fail(E.ENOMEM);
}

/** @param out a byte for each page */
function mincore(process: Process, address: number, length: number, out: Uint8Array): number {
  const { start, end } = pagesOf(address, length);
  const space = spaceOf(process);
  if (!space.mappings.covers(start, end)) fail(E.ENOMEM);
  for (let page = start; page < end; page++) {
    out[page - start] = space.pages.get(page) === 0 ? 0 : 1;
  }
  return 0;
}

function lockRange(process: Process, address: number, length: number): number {
  const first = Math.floor(address / PAGE_BYTES);
  const last = Math.ceil((address + length) / PAGE_BYTES);
  return spaceOf(process).mappings.covers(first, last) ? 0 : fail(E.ENOMEM);
}

export const memoryCalls: Handlers = {
  mmap,
  munmap,
  mprotect,
  mremap,
  madvise,
  brk,
  msync,
  mincore,
  // User memory is never taken away from a process, so that locking it is done at once.
  mlock: lockRange,
  mlock2: lockRange,
  munlock: lockRange,
  mlockall: () => 0,
  munlockall: () => 0,
};
