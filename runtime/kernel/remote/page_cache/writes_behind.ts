// Writes that their caller does not wait for. A server that has room for a write takes it, unless its disk
// fails; so it is sent, and the caller goes on. Whatever could tell the difference waits until it is answered:
// reads and writes of the same bytes, and every other call on the file. A write that fails all the same is told
// once through each handle that was open on its file, by the next write, fsync or close.
// docs/decisions/2026-11-30-writes-behind.md has the argument.
import { after } from "../../after.ts";
import {
  Answer,
  type Blocking,
  type Coroutine,
  finish,
  isCoroutine,
  type Tasks,
  WaitQueue,
} from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import type { Service, ServiceCall } from "../../service.ts";
import { O } from "../../vfs/constants.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import type { ContractService } from "../contract/contract_service.ts";
import { type HandleRecord, ofSameFile } from "../contract/handle_book.ts";
import type { KeptBytes } from "../contract/kept_bytes.ts";
import { changes } from "../contract/redo_log.ts";

/** Writes under way at once, and bytes from which on there is none more: they would only wait at the server. */
const MAX_WRITES = 48;
const MAX_BYTES = 2 << 20;
/** What a write may take of the server's room beside its data: pages in part, and the tree of extents. */
const BESIDE_BYTES = 40 << 10;
/** What another change may take: a directory's block, a symbolic link, attributes, a tree. */
const CHANGE_BYTES = 64 << 10;
/** No file system has to take what would lie further back: the server says so when it is asked. */
const MAX_FILE_BYTES = 2 ** 40;

/** A write that was sent and has not been answered. */
interface Write {
  number: number;
  record: HandleRecord;
  offset: number;
  end: number;
  /** what reads must not see without it, from here on to `end`, or to the file's if it moves that */
  from: number;
  beyond: number;
}

export class WritesBehind implements Service {
  /** writes that were not waited for */
  sent = 0;
  readonly #writes = new Set<Write>();
  #bytes = 0;
  #numbers = 0;
  /** of the server's room, by calls that it has not answered */
  #claimed = 0;
  #closing = 0;
  readonly #answered = new WaitQueue();

  /** @param tasks of the domain that calls */
  constructor(private readonly server: ContractService, private readonly tasks: Tasks) {}

  get transaction(): number {
    return this.server.transaction;
  }

  get durable(): number {
    return this.server.durable;
  }

  get maxPayloadBytes(): number {
    return this.server.maxPayloadBytes;
  }

  /**
   * Whether a write can be sent for a caller that goes on: "later" once {@link admission} has ended, "never" where
   * its server promises nothing.
   */
  admits(handle: number, offset: number, length: number): "now" | "later" | "never" {
    const record = this.server.record(handle), end = offset + length;
    if (
      !record.takesWrites || !isForWriting(record) || record.failure !== 0 ||
      length === 0 || length > this.maxPayloadBytes || end > MAX_FILE_BYTES ||
      this.#claimed + length + BESIDE_BYTES > this.server.spareBytes
    ) return "never";
    return this.#isFull(MAX_WRITES, MAX_BYTES) || this.#isWritten(record, offset, end)
      ? "later"
      : "now";
  }

  /**
   * Takes the answers that have come, where many writes are under way: who writes on and on would otherwise have to
   * wait for room that there is.
   */
  hear(): void {
    if (this.#isFull(MAX_WRITES / 2, MAX_BYTES / 2)) this.server.hear();
  }

  #isFull(writes: number, bytes: number): boolean {
    return this.#writes.size >= writes || this.#bytes >= bytes;
  }

  /** Ends once less is under way, and nothing that was of the same bytes when it began. */
  *admission(handle: number, offset: number, length: number): Coroutine<void> {
    const record = this.server.record(handle), before = this.#numbers;
    yield* this.#while(() =>
      this.#isFull(MAX_WRITES / 2, MAX_BYTES / 2) ||
      this.#isWritten(record, offset, offset + length, before)
    );
  }

  /** Waits for answers. @param goesOn whether there are some to wait for */
  *#while(goesOn: () => boolean): Coroutine<void> {
    while (goesOn()) {
      this.server.hurry();
      yield this.#answered;
    }
  }

  /** Whether there is room for a write in the ring. */
  get hasRoom(): boolean {
    return this.server.takesWrite;
  }

  /**
   * Sends a write that is admitted now, and has room.
   * @param call at an offset of its own
   * @param from for one that moves the file's end: from where on that shows; none for one inside
   * @param kept what it carries, where that is kept anyway
   * @param over told whether it was done, once that is known
   */
  begin(
    call: ServiceCall,
    from: number | undefined,
    kept: KeptBytes | undefined,
    over: (done: boolean) => void,
  ): void {
    const { length } = call.payload, offset = call.args[1], end = offset + length;
    const record = this.server.record(call.args[0]);
    const claim = length + BESIDE_BYTES;
    const answer = this.server.sendWrite(call, kept);
    const write: Write = {
      number: this.#numbers++,
      record,
      offset,
      end,
      from: from ?? offset,
      beyond: from === undefined ? end : Infinity,
    };
    this.sent++;
    this.#writes.add(write);
    this.#bytes += length;
    this.#claimed += claim;
    answer.subscribe((status, failure) => {
      this.#writes.delete(write);
      this.#bytes -= length;
      this.#claimed -= claim;
      const errno = errorOf(status, failure, length);
      if (errno !== 0) this.server.noteFailure(record, errno);
      over(errno === 0);
      this.#answered.wakeAll();
    });
  }

  /** Waits until nothing is under way that nobody waits for. */
  *settled(): Coroutine<void> {
    yield* this.#while(() => this.#writes.size > 0 || this.#closing > 0);
  }

  /** Does a call once the writes that it would notice are done. */
  call(call: ServiceCall): Blocking<number> {
    if (call.number === Call.CLOSE) return this.#close(call);
    if (tellsFailure(call.number)) {
      const failure = this.#takeFailure(this.server.record(call.args[0]));
      if (failure !== 0) return -failure;
    }
    if (!this.#waits(call, Infinity)) return this.#claimAndCall(call);
    return isSync(call.number) ? this.#syncBehind(call) : this.#callInTurn(call);
  }

  /**
   * A sync is sent behind the writes that it is for: a server does them first, and nobody has to be told in between.
   * Where one is not answered before it (another instance of the server may have to do it again) it counts for
   * nothing.
   */
  *#syncBehind(call: ServiceCall): Coroutine<number> {
    const before = this.#numbers;
    const [record] = this.server.handlesOf(call);
    const status = yield* this.server.syncBehind(call);
    if (status === undefined || this.#waits(call, before)) return yield* this.#callInTurn(call);
    const failure = this.#takeFailure(record);
    return failure !== 0 ? -failure : status;
  }

  /** Waits for those writes alone that were sent before: others may go on for ever. */
  *#callInTurn(call: ServiceCall): Coroutine<number> {
    const before = this.#numbers;
    const handles = this.server.handlesOf(call);
    yield* this.#while(() => this.#waits(call, before));
    // Closed meanwhile: its number may be that of another file by now.
    if (this.server.handlesOf(call).some((each, index) => each !== handles[index])) fail(E.EBADF);
    if (tellsFailure(call.number)) {
      const failure = this.#takeFailure(handles[0]);
      if (failure !== 0) return -failure;
    }
    return yield* finish(this.#claimAndCall(call));
  }

  /** Whether a call has to wait for one of the writes with numbers below `before`, or for a close. */
  #waits(call: ServiceCall, before: number): boolean {
    const { number, args, payload } = call;
    if (this.#closing > 0 && asksForRoom(number)) return true;
    if (this.#writes.size === 0) return false;
    if (concernsAnyFile(call)) return this.#some(before, () => true);
    const handles = this.server.handlesOf(call);
    const isRead = number === Call.PREAD64;
    const isWrite = number === Call.PWRITE64 && args[2] === 0;
    const end = args[1] + payload.length;
    return this.#some(before, (write) => {
      if (!handles.some((handle) => ofSameFile(handle, write.record))) return false;
      if (isRead) return write.from < end && args[1] < write.beyond;
      return !isWrite || write.offset < end && args[1] < write.end;
    });
  }

  #some(before: number, holds: (write: Write) => boolean): boolean {
    for (const write of this.#writes) if (write.number < before && holds(write)) return true;
    return false;
  }

  #isWritten(record: HandleRecord, offset: number, end: number, before = Infinity): boolean {
    return this.#some(
      before,
      (write) => write.offset < end && offset < write.end && ofSameFile(record, write.record),
    );
  }

  /** A change that is waited for takes room, too. */
  #claimAndCall(call: ServiceCall): Blocking<number> {
    const claim = claimOf(call);
    const result = this.server.call(call);
    if (claim === 0 || !isCoroutine(result)) return result;
    if (!(result instanceof Answer)) return this.#claimWhile(result, claim);
    this.#claimed += claim;
    return after(result, this.tasks, (status) => {
      this.#claimed -= claim;
      return status;
    });
  }

  *#claimWhile(work: Coroutine<number>, claim: number): Coroutine<number> {
    this.#claimed += claim;
    try {
      return yield* work;
    } finally {
      this.#claimed -= claim;
    }
  }

  #takeFailure(record: HandleRecord): number {
    const { failure } = record;
    record.failure = 0;
    return failure;
  }

  #close(call: ServiceCall): Blocking<number> {
    const record = this.server.peek(call.args[0]);
    const isWritten = this.#isWritten(record, -Infinity, Infinity);
    return isWritten || record.failure !== 0
      ? this.#closeInTurn(call, record)
      : this.#closeBehind(call);
  }

  *#closeInTurn(call: ServiceCall, record: HandleRecord): Coroutine<number> {
    const before = this.#numbers;
    yield* this.#while(() => this.#isWritten(record, -Infinity, Infinity, before));
    const failure = this.#takeFailure(record);
    const status = yield* finish(this.#closeBehind(call));
    return failure !== 0 ? -failure : status;
  }

  /** Nobody learns anything from a close but that there is room again, which matters where there is none. */
  #closeBehind(call: ServiceCall): Blocking<number> {
    const closing = this.server.call(call);
    if (!isCoroutine(closing) || !(this.server.spareBytes > 0)) return closing;
    let thrown: unknown;
    this.#closing++;
    this.tasks.spawn(closing, (_status, failure) => {
      this.#closing--;
      thrown = failure;
      this.#answered.wakeAll();
    });
    if (thrown !== undefined) throw thrown;
    return 0;
  }
}

/** Whether it is open for writing, and not past caches. */
function isForWriting({ flags }: HandleRecord): boolean {
  return flags >= 0 && (flags & O.ACCMODE) !== O.RDONLY && (flags & O.DIRECT) === 0;
}

/** 0 for a write that was done as a whole. */
function errorOf(status: number | undefined, failure: unknown, length: number): number {
  if (failure instanceof Errno) return failure.errno;
  if (failure !== undefined) throw failure;
  if (status! < 0) return -status!;
  return status! < length ? E.ENOSPC : 0;
}

function isSync(number: number): boolean {
  return number === Call.FSYNC || number === Call.FDATASYNC;
}

/** Calls that tell what became of writes before. */
function tellsFailure(number: number): boolean {
  return number === Call.PWRITE64 || isSync(number);
}

/** Calls that see what closing a file gives back. */
function asksForRoom(number: number): boolean {
  return number === Call.FSTATFS || number === Call.FALLOCATE || number === Call.SYNC;
}

/** Calls that see all files, or change one that is not known before. */
function concernsAnyFile({ number, args }: ServiceCall): boolean {
  return number === Call.SYNC || number === Call.FSTATFS || number === Private.STAT ||
    number === Private.CREATE && (args[2] & O.TRUNC) !== 0;
}

function claimOf({ number, args, payload }: ServiceCall): number {
  if (number === Call.PWRITE64) return payload.length + BESIDE_BYTES;
  if (number === Call.FALLOCATE) return 2 * Math.max(0, args[3]) + CHANGE_BYTES;
  return changes(number, args, true) ? CHANGE_BYTES : 0;
}
