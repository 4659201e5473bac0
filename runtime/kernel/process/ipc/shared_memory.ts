// System V shared memory (shmget(2), shmop(2), shmctl(2)): segments that live until they are removed and nobody
// has them attached.
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { E, fail } from "../../errno.ts";
import type { Handlers } from "../handler.ts";
import { putInt, putLong } from "../little_endian.ts";
import type { Frame, Frames } from "../memory/frames.ts";
import type { Mapping } from "../memory/mapping.ts";
import { SharedMemoryObject } from "../memory/page_object.ts";
import type { Process } from "../process.ts";
import {
  demandAccess,
  IPC,
  type Owned,
  Permission,
  PERMISSION_BYTES,
  putOwned,
  secondsOf,
  setOwned,
} from "./ipc_table.ts";

const SHM = {
  RDONLY: 0o10000,
  RND: 0o20000,
  REMAP: 0o40000,
  EXEC: 0o100000,
  HUGETLB: 0o4000,
  LOCK: 11,
  UNLOCK: 12,
  STAT: 13,
  INFO: 14,
  STAT_ANY: 15,
  /** marks in the mode */
  DEST: 0o1000,
  LOCKED: 0o2000,
} as const;
/** As /proc/sys/kernel/shmmni has it. */
export const MOST_SEGMENTS = 4096;

/** A segment. It counts itself as one more mapping for as long as it is to live. */
export class Segment extends SharedMemoryObject {
  locked = false;
  removed = false;
  attachedSeconds = 0;
  detachedSeconds = 0;
  changedSeconds: number;
  creatorPid: number;
  lastPid = 0;

  constructor(
    frames: Frames,
    process: Process,
    readonly owned: Owned,
    readonly sizeBytes: number,
    private readonly gone: (segment: Segment) => void,
  ) {
    super(frames);
    this.creatorPid = process.pid;
    this.changedSeconds = secondsOf(process);
    this.mapped();
  }

  get pages(): number {
    return Math.ceil(this.sizeBytes / PAGE_BYTES);
  }

  /** how many mappings show it */
  get attached(): number {
    return this.mappings - 1;
  }

  override present(page: number): Frame {
    return page < this.pages ? super.present(page) : 0;
  }

  override unmapped(mapping: Mapping): void {
    super.unmapped(mapping);
    if (this.removed && this.attached === 0) this.#end();
  }

  /** It lives until nobody has it attached, and nobody finds it by its key. */
  remove(): void {
    if (this.removed) return;
    this.removed = true;
    this.owned.key = IPC.PRIVATE;
    if (this.attached === 0) this.#end();
  }

  #end(): void {
    this.removed = false;
    this.gone(this);
    super.unmapped();
  }
}

function shmget(process: Process, key: number, sizeBytes: number, flags: number): number {
  const { frames } = process.kernel.memory ?? fail(E.ENOSYS);
  const { segments } = process.kernel.ipc;
  const isLargeEnough = (segment: Segment) => {
    if (sizeBytes > segment.sizeBytes) fail(E.EINVAL);
  };
  return segments.open(process, key, flags, isLargeEnough, (owned) => {
    if (!(sizeBytes >= 1)) fail(E.EINVAL);
    if ((flags & SHM.HUGETLB) !== 0 || sizeBytes > frames.total * PAGE_BYTES) fail(E.ENOMEM);
    return new Segment(frames, process, owned, sizeBytes, (segment) => segments.delete(segment));
  });
}

function shmat(process: Process, id: number, address: number, flags: number): number {
  const space = process.memory ?? fail(E.ENOSYS);
  const segment = process.kernel.ipc.segments.find(id), { owned, pages } = segment;
  const readOnly = (flags & SHM.RDONLY) !== 0;
  demandAccess(process, owned, readOnly ? Permission.READ : Permission.READ | Permission.WRITE);
  const access = Access.READ | (readOnly ? 0 : Access.WRITE) |
    ((flags & SHM.EXEC) !== 0 ? Access.EXECUTE : 0);
  let start: number;
  if (address === 0) {
    if ((flags & SHM.REMAP) !== 0) fail(E.EINVAL);
    start = space.place(pages);
  } else {
    if (address % PAGE_BYTES !== 0 && (flags & SHM.RND) === 0) fail(E.EINVAL);
    start = Math.floor(address / PAGE_BYTES);
    if ((flags & SHM.REMAP) === 0 && !space.mappings.isFree(start, start + pages)) fail(E.EINVAL);
  }
  space.map({
    start,
    end: start + pages,
    access,
    shared: true,
    object: segment,
    objectPage: 0,
    name: `/SYSV${(owned.key >>> 0).toString(16).padStart(8, "0")} (deleted)`,
    readOnly,
    notForked: false,
  });
  segment.attachedSeconds = secondsOf(process);
  segment.lastPid = process.pid;
  return start * PAGE_BYTES;
}

function shmdt(process: Process, address: number): number {
  const space = process.memory ?? fail(E.ENOSYS);
  const start = address / PAGE_BYTES;
  const first = Number.isInteger(start) ? space.mappings.find(start) : undefined;
  const segment = first?.object;
  if (first?.start !== start || first.objectPage !== 0 || !(segment instanceof Segment)) {
    return fail(E.EINVAL);
  }
  segment.detachedSeconds = secondsOf(process);
  segment.lastPid = process.pid;
  // A part of it may have been unmapped, or have other permissions.
  for (const mapping of space.mappings.overlapping(start, start + segment.pages)) {
    const belongs = mapping.object === segment &&
      mapping.start - mapping.objectPage === start;
    if (belongs) space.unmap(mapping.start, mapping.end);
  }
  return 0;
}

/** @param out `struct shmid64_ds`, or what else the command has */
function shmctl(process: Process, id: number, command: number, out?: Uint8Array): number {
  const { segments } = process.kernel.ipc;
  switch (command) {
    case IPC.INFO: {
      const limits = out ?? fail(E.EFAULT);
      const most = Number.MAX_SAFE_INTEGER;
      [most, 1, MOST_SEGMENTS, MOST_SEGMENTS, most].forEach((value, index) =>
        putLong(limits, index * 8, value)
      );
      return segments.highest;
    }
    case SHM.INFO: {
      const totals = out ?? fail(E.EFAULT);
      let pages = 0, resident = 0;
      for (const segment of segments.all) {
        pages += segment.pages;
        resident += segment.resident;
      }
      [segments.size, pages, resident].forEach((value, index) => putLong(totals, index * 8, value));
      return segments.highest;
    }
  }
  const told = segments.asked(process, id, command, SHM, (segment) => {
    putSegment(out ?? fail(E.EFAULT), segment);
  });
  if (told !== undefined) return told;
  switch (command) {
    case IPC.SET:
      setOwned(process, segments.findOwned(process, id), out ?? fail(E.EFAULT));
      return 0;
    case IPC.RMID:
      segments.findOwned(process, id).remove();
      return 0;
    case SHM.LOCK:
    case SHM.UNLOCK:
      segments.findOwned(process, id).locked = command === SHM.LOCK;
      return 0;
    default:
      return fail(E.EINVAL);
  }
}

function putSegment(bytes: Uint8Array, segment: Segment): void {
  const { owned, removed, locked } = segment;
  const marks = (removed ? SHM.DEST : 0) | (locked ? SHM.LOCKED : 0);
  putOwned(bytes, { ...owned, mode: owned.mode | marks });
  const { attachedSeconds, detachedSeconds, changedSeconds } = segment;
  [segment.sizeBytes, attachedSeconds, detachedSeconds, changedSeconds].forEach((value, index) =>
    putLong(bytes, PERMISSION_BYTES + index * 8, value)
  );
  putInt(bytes, PERMISSION_BYTES + 32, segment.creatorPid);
  putInt(bytes, PERMISSION_BYTES + 36, segment.lastPid);
  putLong(bytes, PERMISSION_BYTES + 40, segment.attached);
}

export const sharedMemoryCalls: Handlers = { shmget, shmat, shmdt, shmctl };
