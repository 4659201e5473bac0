// inotify(7): a queue of what happened to files that somebody watches, read as a descriptor.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O, POLL } from "../../vfs/constants.ts";
import type { Description } from "../file/description.ts";
import { putInt } from "../little_endian.ts";
import type { Location } from "../path/mounts.ts";
import type { WatchTable } from "./watches.ts";

/** Events, and how they are asked for. */
export const IN = {
  ACCESS: 1,
  MODIFY: 2,
  ATTRIB: 4,
  CLOSE_WRITE: 8,
  CLOSE_NOWRITE: 0x10,
  OPEN: 0x20,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ONLYDIR: 0x0100_0000,
  DONT_FOLLOW: 0x0200_0000,
  EXCL_UNLINK: 0x0400_0000,
  MASK_CREATE: 0x1000_0000,
  MASK_ADD: 0x2000_0000,
  ISDIR: 0x4000_0000,
  ONESHOT: 0x8000_0000,
} as const;
/** What a program may ask to be told. */
export const ALL_EVENTS = 0xfff;

/** `struct inotify_event` without its name: which watch, what, cookie, bytes of the name. */
const EVENT_BYTES = 16;
/** As /proc/sys/fs/inotify/max_queued_events has it. */
const MOST_QUEUED = 16384;
const NO_WATCH = -1;

interface Event {
  watch: number;
  mask: number;
  /** tells both halves of a renaming from others */
  cookie: number;
  name: string;
}

/** One file that one descriptor watches. */
export interface Watch {
  number: number;
  owner: InotifyDescription;
  mask: number;
  /** of the inode */
  identity: string;
  /** a handle that keeps the inode */
  place: Location;
}

export class InotifyDescription implements Description {
  uses = 1;
  readonly kind = "anon_inode:inotify";
  readonly readiness = new WaitQueue(true);
  readonly watches = new Map<number, Watch>();
  readonly #queue: Event[] = [];
  #nextNumber = 1;

  constructor(private readonly table: WatchTable, public flags: number) {}

  nextNumber(): number {
    return this.#nextNumber++;
  }

  /** Something has happened; the same twice in a row is told once. */
  queue(event: Event): void {
    const last = this.#queue.at(-1);
    const again = last !== undefined && last.watch === event.watch && last.mask === event.mask &&
      last.cookie === event.cookie && last.name === event.name;
    if (again || this.#queue.length > MOST_QUEUED) return;
    const full = this.#queue.length === MOST_QUEUED;
    this.#queue.push(full ? { watch: NO_WATCH, mask: IN.Q_OVERFLOW, cookie: 0, name: "" } : event);
    this.readiness.wakeAll();
  }

  *read(into: Uint8Array): Coroutine<number> {
    while (this.#queue.length === 0) {
      if ((this.flags & O.NONBLOCK) !== 0) fail(E.EAGAIN);
      yield this.readiness;
    }
    let filled = 0;
    while (this.#queue.length > 0) {
      const bytes = eventBytes(this.#queue[0]);
      if (filled + bytes > into.length) break;
      putEvent(this.#queue.shift()!, into.subarray(filled, filled + bytes));
      filled += bytes;
    }
    return filled === 0 ? fail(E.EINVAL) : filled;
  }

  write(): number {
    return fail(E.EBADF);
  }

  available(): number {
    return this.#queue.reduce((sum, event) => sum + eventBytes(event), 0);
  }

  poll(events: number): number {
    return this.#queue.length > 0 ? events & POLL.IN : 0;
  }

  release(): void {
    for (const watch of [...this.watches.values()]) this.table.remove(watch, false);
  }
}

/** Names end with a zero and are filled up, so that the next event is aligned. */
function nameBytes({ name }: Event): number {
  return name === "" ? 0 : name.length + 1 + EVENT_BYTES - 1 & ~(EVENT_BYTES - 1);
}

function eventBytes(event: Event): number {
  return EVENT_BYTES + nameBytes(event);
}

function putEvent(event: Event, out: Uint8Array): void {
  out.fill(0);
  putInt(out, 0, event.watch);
  putInt(out, 4, event.mask);
  putInt(out, 8, event.cookie);
  putInt(out, 12, nameBytes(event));
  for (let index = 0; index < event.name.length; index++) {
    out[EVENT_BYTES + index] = event.name.charCodeAt(index);
  }
}
