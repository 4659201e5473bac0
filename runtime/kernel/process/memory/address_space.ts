// The memory of a process: its mappings, the frames of its pages, and what happens when a page is first
// touched, copied after fork, or not there at all (mmap(2), fork(2)).
import { Access, type Access as Kind } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import type { Coroutine } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { BLOCK_FRAMES, type Frame } from "./frames.ts";
import { END_PAGE, type Mapping, MappingList, type MappingOwner } from "./mapping.ts";
import { COPY_ON_WRITE, frameOf, PageMap } from "./page_map.ts";
import type { TableSlot } from "./table_pool.ts";
import type { UserMemory } from "./user_memory.ts";

/** Why an access cannot be: a signal, and its code (sigaction(2)). */
export interface Fault {
  signal: number;
  code: number;
}

const SIGBUS: Fault = { signal: 7, code: 2 };
const NOT_MAPPED: Fault = { signal: 11, code: 1 };
const NOT_ALLOWED: Fault = { signal: 11, code: 2 };
const OUT_OF_MEMORY: Fault = { signal: 9, code: 128 };

/** Where the heap of a program without one begins; and below what mmap places things. */
const MMAP_TOP_PAGE = 0x3f_f000_0000 / PAGE_BYTES;

/** Pages are made before they are needed unless less than this part of all frames is left. */
const SCARCE = 4;

/** A private page can be forced: to be read, or to be written as a copy. */
function allows(mapping: Mapping, access: Kind, forced: boolean): boolean {
  return (mapping.access & access) !== 0 || forced && !mapping.shared;
}

export class AddressSpace implements MappingOwner {
  readonly mappings = new MappingList(MMAP_TOP_PAGE);
  readonly pages = new PageMap();
  /** lent by the pool while it runs */
  slot: TableSlot | undefined;
  /** processes that have it (vfork, CLONE_VM) */
  users = 1;
  /** first and current end of the heap, addresses */
  heapStart = 0;
  heapEnd = 0;
  /** where the arguments and the environment are, for /proc */
  argumentsStart = 0;
  argumentsEnd = 0;
  environmentEnd = 0;
  /** the auxiliary vector that the program was given */
  auxiliary: Uint8Array = new Uint8Array(0);
  readonly id: number;
  static #ids = 0;

  /** Frame of a page that no other page has; 0 where it has none. What is shared goes elsewhere when it is written. */
  readonly #ownFrameAt = (page: number): Frame => {
    const frame = frameOf(this.pages.get(page));
    return frame !== 0 && this.memory.frames.uses(frame) === 1 ? frame : 0;
  };

  constructor(readonly memory: UserMemory) {
    this.id = ++AddressSpace.#ids;
  }

  /** Whether other processes see some of its pages: robust futexes may lie there. */
  get sharesPages(): boolean {
    return this.mappings.all.some((mapping) => mapping.shared);
  }

  get residentPages(): number {
    return this.pages.count;
  }

  /**
   * The frame of a page for an access, made if that can be done without waiting.
   * @param forced for a debugger, to whom private pages are open
   * @returns 0 where the access is not allowed, has to wait, or memory is out
   */
  frameFor(page: number, access: Kind, forced = false): Frame {
    const mapping = this.mappings.find(page);
    if (mapping === undefined || !allows(mapping, access, forced)) return 0;
    return this.#frameIn(mapping, page, access);
  }

  #frameIn(mapping: Mapping, page: number, access: Kind): Frame {
    let entry = this.pages.get(page);
    if (entry === 0) entry = this.#populate(mapping, page, access);
    if (entry === 0) return 0;
    if (access !== Access.WRITE) return frameOf(entry);
    const frame = (entry & COPY_ON_WRITE) !== 0 ? this.#unshare(page, entry) : frameOf(entry);
    if (frame === 0) return 0;
    if (mapping.shared) mapping.object?.dirtied(page - mapping.start + mapping.objectPage);
    this.memory.frames.noteWrite(frame, false);
    return frame;
  }

  #populate(mapping: Mapping, page: number, access: Kind): number {
    const { frames, zeroFrame } = this.memory;
    if (mapping.object === undefined) {
      if (access === Access.WRITE) {
        const frame = frames.allocate(true, page, this.#ownFrameAt);
        if (frame === 0) return 0;
        this.pages.set(page, frame, 0);
      } else {
        frames.hold(zeroFrame);
        this.pages.set(page, zeroFrame, COPY_ON_WRITE);
      }
    } else {
      const frame = mapping.object.present(page - mapping.start + mapping.objectPage);
      if (frame === 0) return 0;
      frames.hold(frame);
      this.pages.set(page, frame, mapping.shared ? 0 : COPY_ON_WRITE);
    }
    return this.pages.get(page);
  }

  /** Makes a page's frame its own. @returns 0 when memory is out */
  #unshare(page: number, entry: number): Frame {
    const { frames } = this.memory;
    const old = frameOf(entry);
    if (frames.uses(old) === 1) {
      this.pages.set(page, old, 0);
      return old;
    }
    const frame = frames.allocate(false, page, this.#ownFrameAt);
    if (frame === 0) return 0;
    frames.bytes.copyWithin(frame, old, old + PAGE_BYTES);
    this.pages.set(page, frame, 0);
    frames.release(old);
    // The page has another frame: no translation may lead to the old one, and no cached jump into its code.
    this.slot?.table.clear(page);
    if ((this.mappings.find(page)!.access & Access.EXECUTE) !== 0) this.#forgetJumps();
    return frame;
  }

  /** Enters a page's translation, as `Pager.refill` has it. */
  refill(page: number, access: Kind): boolean {
    const mapping = this.mappings.find(page);
    if (mapping === undefined || (mapping.access & access) === 0) return false;
    const frame = this.#frameIn(mapping, page, access);
    if (frame === 0) return false;
    let allowed = mapping.access;
    if (access === Access.WRITE) this.memory.frames.noteWrite(frame, true);
    else if ((allowed & Access.WRITE) !== 0) {
      // Saves the next write from asking, where nobody has to be told of it.
      const silent = !mapping.shared && (this.pages.get(page) & COPY_ON_WRITE) === 0 &&
        !this.memory.frames.holdsCode(frame);
      if (silent) this.memory.frames.noteWrite(frame, true);
      else allowed &= ~Access.WRITE;
    }
    this.slot!.table.set(page, frame, allowed);
    if (access === Access.WRITE && mapping.object === undefined) this.#fillBlock(mapping, page);
    return true;
  }

  /**
   * Where a second page of a block of frames is written, or the first one behind another block, the program is
   * likely to write them all: they are made at once, and it need not come back for each.
   */
  #fillBlock(mapping: Mapping, page: number): void {
    const { frames } = this.memory;
    if (frames.available < frames.total / SCARCE) return;
    const block = page - page % BLOCK_FRAMES;
    const start = Math.max(mapping.start, block), end = Math.min(mapping.end, block + BLOCK_FRAMES);
    const missing: number[] = [];
    for (let each = start; each < end; each++) {
      if (this.pages.get(each) === 0) missing.push(each);
    }
    if (end - start - missing.length < 2 && this.pages.get(page - 1) === 0) return;
    for (const each of missing) {
      const frame = this.#frameIn(mapping, each, Access.WRITE);
      frames.noteWrite(frame, true);
      this.slot!.table.set(each, frame, mapping.access);
    }
  }

  /** Waits until a page can be accessed. @param forced as of {@link frameFor} @returns why it cannot */
  *fault(page: number, access: Kind, forced = false): Coroutine<Fault | undefined> {
    for (;;) {
      const mapping = this.mappings.find(page);
      if (mapping === undefined) return NOT_MAPPED;
      if (!allows(mapping, access, forced)) return NOT_ALLOWED;
      if (this.#frameIn(mapping, page, access) !== 0) return undefined;
      const at = page - mapping.start + mapping.objectPage;
      if (mapping.object === undefined || mapping.object.present(at) !== 0) return OUT_OF_MEMORY;
      try {
        if ((yield* mapping.object.load(at)) === 0) return SIGBUS;
      } catch (failure) {
        if (!(failure instanceof Errno)) throw failure;
        return failure.errno === E.ENOMEM ? OUT_OF_MEMORY : SIGBUS;
      }
    }
  }

  protect(page: number): void {
    this.slot?.table.clear(page);
  }

  drop(page: number): void {
    const entry = this.pages.get(page);
    if (entry === 0) return;
    const mapping = this.mappings.find(page);
    // A private copy stays as it is.
    if (mapping !== undefined && !mapping.shared && (entry & COPY_ON_WRITE) === 0) return;
    this.slot?.table.clear(page);
    this.pages.take(page);
    this.memory.frames.release(frameOf(entry));
    if (mapping !== undefined && (mapping.access & Access.EXECUTE) !== 0) this.#forgetJumps();
  }

  #forgetJumps(): void {
    if (this.slot !== undefined) this.memory.forgetJumps(this.slot.jumps);
  }

  /** Adds a mapping, over whatever is there. Numbers are pages. @throws Errno ENOMEM for too many of them */
  map(mapping: Omit<Mapping, "owner">): void {
    this.mappings.demandRoom(1);
    this.unmap(mapping.start, mapping.end);
    this.mappings.add({ ...mapping, owner: this });
  }

  /** Where a mapping of so many pages has room. @throws Errno ENOMEM */
  place(pages: number): number {
    const start = this.mappings.freeRange(pages);
    return start < 0 ? fail(E.ENOMEM) : start;
  }

  /** Takes away what is mapped in a range of pages. @throws Errno ENOMEM where too many would be left */
  unmap(start: number, end: number): void {
    const gone = this.mappings.remove(start, end);
    if (gone.length === 0) return;
    this.discard(start, end);
    if (gone.some((mapping) => (mapping.access & Access.EXECUTE) !== 0)) this.#forgetJumps();
  }

  /** Gives the frames of a range back; the mappings stay, and begin anew. */
  discard(start: number, end: number): void {
    const { frames } = this.memory;
    this.pages.forEach(start, end, (page, entry) => {
      this.pages.take(page);
      frames.release(frameOf(entry));
    });
    this.slot?.table.clearRange(start, end - start);
  }

  /** Changes what is allowed in a range. @throws Errno ENOMEM where not all of it is mapped */
  setAccess(start: number, end: number, access: number): void {
    if (!this.mappings.covers(start, end)) fail(E.ENOMEM);
    const inside = this.mappings.isolate(start, end);
    const code = inside.some((mapping) => ((mapping.access | access) & Access.EXECUTE) !== 0);
    for (const mapping of inside) mapping.access = access;
    this.slot?.table.clearRange(start, end - start);
    if (code) this.#forgetJumps();
  }

  /** Moves pages of a mapping to another place (mremap(2)); numbers are pages. */
  move(from: number, to: number, pages: number): void {
    const { frames } = this.memory;
    this.discard(to, to + pages);
    this.pages.forEach(from, from + pages, (page, entry) => {
      this.pages.take(page);
      const at = to + page - from;
      if (at < to + pages) this.pages.set(at, frameOf(entry), entry & COPY_ON_WRITE);
      else frames.release(frameOf(entry));
    });
    this.slot?.table.clearRange(from, pages);
  }

  /** A copy for a child: private pages are shared until either writes them. @throws Errno ENOMEM */
  fork(): AddressSpace {
    const { frames } = this.memory;
    const child = new AddressSpace(this.memory);
    for (const mapping of this.mappings.all) {
      if (mapping.notForked) continue;
      child.mappings.add({ ...mapping, owner: child });
      this.pages.forEach(mapping.start, mapping.end, (page, entry) => {
        let frame = frameOf(entry);
        if (!mapping.shared && frames.pinned(frame)) {
          // A system call is writing it for the parent: the child gets what is there now.
          const copy = frames.allocate(false, page, child.#ownFrameAt);
          if (copy === 0) {
            child.release();
            fail(E.ENOMEM);
          }
          frames.bytes.copyWithin(copy, frame, frame + PAGE_BYTES);
          frame = copy;
          child.pages.set(page, frame, 0);
          return;
        }
        frames.hold(frame);
        const flags = mapping.shared ? 0 : COPY_ON_WRITE;
        child.pages.set(page, frame, flags);
        if (flags !== 0 && (entry & COPY_ON_WRITE) === 0) this.pages.set(page, frame, flags);
      });
    }
    this.slot?.table.clearAll();
    const { heapStart, heapEnd, argumentsStart, argumentsEnd, environmentEnd, auxiliary } = this;
    return Object.assign(child, {
      heapStart,
      heapEnd,
      argumentsStart,
      argumentsEnd,
      environmentEnd,
      auxiliary,
    });
  }

  /** One user less; the last one takes everything away. */
  release(): void {
    if (--this.users > 0) return;
    this.unmap(0, END_PAGE);
    this.pages.clear();
    this.memory.tables.giveBack(this);
  }
}
