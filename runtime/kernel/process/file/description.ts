// Open file descriptions (open(2)): what descriptors refer to and dup and fork share.
import { type Blocking, type Coroutine, finish, isCoroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Credential } from "../../service.ts";
import { F, LOCK, O, POLL, SEEK } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call } from "../../vfs/protocol.ts";
import type { Process } from "../process.ts";
import type { MappedFiles } from "../memory/mapped_file.ts";
import { IN } from "../event/inotify.ts";
import { type Location, request } from "../path/mounts.ts";
import type { LockWaits } from "./lock_waits.ts";
import { eventOf, type Happening, type WatchTable } from "../event/watches.ts";

export interface Description {
  /** open flags, without those that matter only when opening */
  flags: number;
  /** descriptors that refer to it */
  uses: number;
  /** @param reader whose signals a signalfd gives */
  read(into: Uint8Array, reader?: Process): Blocking<number>;
  /** @param writer tells receivers of a socket who wrote */
  write(from: Uint8Array, writer?: Process): Blocking<number>;
  /** readiness now */
  poll(events: number): number;
  /** what has no inode and is no pipe: what it is, as readlink(2) of /proc/PID/fd says it */
  readonly kind?: string;
  /** what has no inode on any server: its number, where it is not that of {@link inodeOf} */
  readonly inode?: number;
  /** pipes: bytes that can be read at once */
  available?(): Blocking<number>;
  /** woken when readiness may have changed */
  readonly readiness: WaitQueue;
  /** The last descriptor is gone. @param waits a program closed it, and waits where SO_LINGER says so */
  release(waits?: boolean): Blocking<void>;
}

let nextOwner = 1;
const owners = new WeakMap<object, number>();

/** Number by which servers know an owner of locks: a table of descriptors, or an open file description. */
export function lockOwner(holder: object): number {
  let owner = owners.get(holder);
  if (owner === undefined) owners.set(holder, owner = nextOwner++);
  return owner;
}

/** Number of a pipe, a socket or a descriptor of the kernel, as stat(2) and /proc tell it. */
export function inodeOf(description: Description): number {
  return description.inode ?? lockOwner(description);
}

const always = new WaitQueue();
const nobody = new Uint8Array(0);

/** Which file it is. */
export interface FileOrigin {
  ino: number;
  generation: number;
  /** the directory that it was found in, inode 0 where that is not known, and its name there */
  above: { ino: number; generation: number };
  name: string;
  /** the name is not there any more */
  unlinked?: boolean;
  /** as the process said it when it opened it */
  path: string;
  /** the files that processes have mapped: what they show must agree with what calls read and write */
  mapped: MappedFiles | undefined;
  /** those who want to know what happens to it */
  watches: WatchTable;
  /** those who wait for locks on it */
  locks: LockWaits;
}

/** An open file: a handle of its server, with a position of ours. */
export class FileDescription implements Description {
  uses = 1;
  position = 0;
  readonly readiness: WaitQueue;
  /** it may hold locks of its own: OFD locks and flock */
  locked = false;
  #identity: string | undefined;
  #level = 0;
  /** what its server has been asked to tell of, and has not yet */
  #awaited = 0;
  #tellsClosed = false;

  /** @param mode of the inode @param arm starts a coroutine that waits for readiness */
  constructor(
    readonly location: Location,
    public flags: number,
    readonly mode: number,
    private readonly credential: Credential,
    private readonly arm: (body: Coroutine<void>) => void,
    readonly origin: FileOrigin,
  ) {
    this.readiness = this.waits ? new WaitQueue(true) : always;
  }

  /** What another description of the same open file is made of. */
  get parts(): ConstructorParameters<typeof FileDescription> {
    return [this.location, this.flags, this.mode, this.credential, this.arm, this.origin];
  }

  get #type(): number {
    return this.mode & S.IFMT;
  }

  get isDirectory(): boolean {
    return this.#type === S.IFDIR;
  }

  /** whether reads and writes may have to wait for somebody */
  get waits(): boolean {
    return this.#type === S.IFCHR || this.#type === S.IFIFO;
  }

  get seekable(): boolean {
    return this.#type === S.IFREG || this.#type === S.IFDIR || this.#type === S.IFBLK;
  }

  /** Tells the file from all others of the machine. */
  get identity(): string {
    return this.#identity ??=
      `${this.location.mount.filesystem}:${this.origin.ino}:${this.origin.generation}`;
  }

  /** The content has changed from an offset on, in ways that mappings do not know. */
  changedFrom(offset: number): void {
    this.origin.mapped?.changedFrom(this.identity, offset);
  }

  /** A call on its handle, that waits where the server does. */
  call(number: number, args: number[], payload: Uint8Array = nobody): Blocking<number> {
    if (this.origin.watches.active) return this.#callWatched(number, args, payload);
    return this.#callAgreeing(number, args, payload);
  }

  #callAgreeing(number: number, args: number[], payload: Uint8Array): Blocking<number> {
    if (this.origin.mapped?.has(this.identity)) return this.#callMapped(number, args, payload);
    return this.#send(number, args, payload);
  }

  *#callWatched(number: number, args: number[], payload: Uint8Array): Coroutine<number> {
    const status = yield* finish(this.#callAgreeing(number, args, payload));
    const event = status < 0 ? 0 : eventOf(number, status);
    if (event !== 0) this.origin.watches.tell(event, this.happening, { selfToo: true });
    return status;
  }

  /** The file, for those who watch it. */
  get happening(): Happening {
    const { mode } = this;
    return { ...this.origin, mount: this.location.mount, mode };
  }

  /** It was opened: those who watch the file are told, also when it is closed. */
  tellOpened(): void {
    if ((this.flags & O.PATH) !== 0) return;
    this.origin.watches.tell(IN.OPEN, this.happening, { selfToo: true });
    this.#tellsClosed = true;
  }

  #tellClosed(): void {
    const { watches } = this.origin;
    if (!this.#tellsClosed || !watches.active) return;
    const event = (this.flags & O.ACCMODE) === O.RDONLY ? IN.CLOSE_NOWRITE : IN.CLOSE_WRITE;
    watches.tell(event, this.happening, { selfToo: true });
    watches.closed(this.identity);
  }

  /** A call on a file that somebody has mapped: both views agree before and after it. */
  *#callMapped(number: number, args: number[], payload: Uint8Array): Coroutine<number> {
    const mapped = this.origin.mapped!;
    const reads = number === Call.PREAD64;
    const changes = number === Call.FTRUNCATE || number === Call.FALLOCATE;
    if (reads || changes || number === Call.FSYNC || number === Call.FDATASYNC) {
      const [offset, length] = reads ? [args[0], payload.length] : [0, Infinity];
      yield* finish(mapped.flush(this.identity, offset, length));
    }
    const status = yield* finish(this.#send(number, args, payload));
    if (status < 0) return status;
    if (number === Call.PWRITE64) {
      const offset = args[1] === 0
        ? args[0]
        : (yield* finish(this.#send(Call.LSEEK, [0, SEEK.END], nobody))) - status;
      mapped.written(this.identity, offset, payload.subarray(0, status));
    } else if (changes) this.changedFrom(number === Call.FTRUNCATE ? args[0] : args[1]);
    return status;
  }

  #send(number: number, args: number[], payload: Uint8Array): Blocking<number> {
    return this.location.mount.service.call({
      number,
      args: [this.location.handle, ...args],
      credential: this.credential,
      payload,
    });
  }

  pread(into: Uint8Array, offset: number): Blocking<number> {
    return this.call(Call.PREAD64, [offset], into);
  }

  /** With O_APPEND the data goes to the end, whatever the offset, as Linux has it (pwrite(2), BUGS). */
  pwrite(from: Uint8Array, offset: number): Blocking<number> {
    const written = this.call(Call.PWRITE64, this.#appends ? [0, 1] : [offset, 0], from);
    return (this.flags & O.DSYNC) === 0 ? written : this.#madeDurable(written);
  }

  /** With O_DSYNC data is durable when the write returns, with O_SYNC what stat(2) tells of it too. */
  *#madeDurable(result: Blocking<number>): Coroutine<number> {
    const written = yield* finish(result);
    if (written <= 0 || !this.seekable) return written;
    const all = (this.flags & O.SYNC) === O.SYNC;
    const status = yield* finish(this.call(all ? Call.FSYNC : Call.FDATASYNC, []));
    return status < 0 ? status : written;
  }

  get #appends(): boolean {
    return (this.flags & O.APPEND) !== 0 && this.seekable;
  }

  read(into: Uint8Array): Blocking<number> {
    if (this.waits && into.length > 0) return this.#readWhenReady(into);
    return this.#advance(this.pread(into, this.position));
  }

  /** Waits here, where a signal can end the wait, and not at the server. */
  *#readWhenReady(into: Uint8Array): Coroutine<number> {
    while (this.poll(POLL.IN) === 0) {
      if ((this.flags & O.NONBLOCK) !== 0) fail(E.EAGAIN);
      yield this.readiness;
    }
    return yield* finish(this.pread(into, 0));
  }

  write(from: Uint8Array): Blocking<number> {
    return this.#appends ? this.#append(from) : this.#advance(this.pwrite(from, this.position));
  }

  /** The server knows where the end is; the position follows it. */
  *#append(from: Uint8Array): Coroutine<number> {
    const written = yield* finish(this.pwrite(from, 0));
    if (written > 0) this.position = yield* finish(this.call(Call.LSEEK, [0, SEEK.END]));
    return written;
  }

  #advance(result: Blocking<number>): Blocking<number> {
    if (isCoroutine(result)) return this.#advanceLater(result);
    if (result > 0 && this.seekable) this.position += result;
    return result;
  }

  *#advanceLater(result: Coroutine<number>): Coroutine<number> {
    const count = yield* result;
    if (count > 0 && this.seekable) this.position += count;
    return count;
  }

  poll(events: number): number {
    if (!this.waits) return events & (POLL.IN | POLL.OUT);
    const asked = events | POLL.ERR | POLL.HUP;
    let ready = this.#level & asked;
    this.#level = 0;
    const missing = asked & ~ready & ~this.#awaited;
    if (ready === 0 ? missing !== 0 : (missing & events) !== 0) {
      this.#awaited |= missing;
      this.arm(this.#waitForEdge(missing));
      ready |= this.#level & asked;
      this.#level = 0;
    }
    return ready;
  }

  *#waitForEdge(events: number): Coroutine<void> {
    const status = yield* finish(this.call(Call.PPOLL, [events]));
    this.#awaited &= ~events;
    this.#level |= status < 0 ? POLL.ERR : status;
    if (status !== 0) this.readiness.wakeAll();
  }

  /** Takes away the locks that an owner holds on the file. */
  *unlock(owner: object): Coroutine<void> {
    const id = lockOwner(owner);
    yield* finish(this.call(Call.FCNTL, [F.SETLK, id, F.UNLCK, 0, 0], new Uint8Array(32)));
    if (owner === this) yield* finish(this.call(Call.FLOCK, [LOCK.UN, id]));
    this.origin.locks.released(this.identity);
  }

  *release(): Coroutine<void> {
    if (this.locked) yield* this.unlock(this);
    this.#tellClosed();
    yield* request(this.location.mount.service, Call.CLOSE, [this.location.handle]);
  }
}
