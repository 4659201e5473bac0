// What a client keeps of the files of another domain, so that reading it again does not cross the ring.
// The client is its server's only one, hence every change of a file passes here: what a change may touch
// is given up when it is sent, and nothing that was read meanwhile is kept until it is answered. Nothing
// outlives the server's instance. What may be kept, the server says (`steady` in protocol.ts).
// docs/decisions/2026-11-30-clients-keep-pages.md has the argument.
import {
  Answer,
  type Blocking,
  type Coroutine,
  finish,
  isCoroutine,
  type Tasks,
} from "../../coroutine.ts";
import { E } from "../../errno.ts";
import type { Service, ServiceCall } from "../../service.ts";
import { O, SEEK } from "../../vfs/constants.ts";
import { Call, CONTINUES, getWalkResult, Private } from "../../vfs/protocol.ts";
import { after } from "../../after.ts";
import type { CachedFile, Transfer } from "./cached_file.ts";
import { CachedFiles } from "./cached_files.ts";
import {
  dropBytes,
  dropEnd,
  type HeldPage,
  NO_PAGES,
  putBytes,
  withdrawReplaced,
} from "./cached_pages.ts";
import type { ContractService } from "../contract/contract_service.ts";
import type { HandleRecord } from "../contract/handle_book.ts";
import { PAGE_BYTES, type PagePool } from "./page_pool.ts";
import { WritesBehind } from "./writes_behind.ts";

/** Reads up to this long are worth an answer that has more than was asked for. */
const SMALL_BYTES = 4 * PAGE_BYTES;
/** What is asked for in place of a small read that goes on where the last one ended. */
const AHEAD_BYTES = 16 * PAGE_BYTES;
const NOTHING = new Uint8Array(0);

/** A change of a file that is under way. */
interface Change {
  file: CachedFile;
  /** where it is a write inside the file; else it may change anything, and is a sweep with a number */
  write?: Transfer;
  sweep: number;
  /** pages that it replaces as a whole, as they will be once it is done; they belong to nobody yet */
  pages: HeldPage[];
}

export class ClientCache implements Service {
  /** reads answered from what is kept, and others of files that could have been */
  hits = 0;
  misses = 0;
  /** between this and the server */
  readonly writes: WritesBehind;
  readonly #files: CachedFiles;

  /**
   * @param server whose answers these are, under its contract
   * @param pool frames, shared with other servers of the same client
   * @param tasks of the domain that calls
   */
  constructor(
    private readonly server: ContractService,
    private readonly pool: PagePool,
    private readonly tasks: Tasks,
  ) {
    this.#files = new CachedFiles(server, pool);
    this.writes = new WritesBehind(server, tasks);
  }

  get transaction(): number {
    return this.server.transaction;
  }

  get durable(): number {
    return this.server.durable;
  }

  call(call: ServiceCall): Blocking<number> {
    switch (call.number) {
      case Call.PREAD64:
        return this.#read(call);
      case Call.PWRITE64:
        return this.#write(call);
      case Call.LSEEK:
        return call.args[2] === SEEK.END ? this.#seekEnd(call) : this.writes.call(call);
      case Call.FTRUNCATE:
      case Call.FALLOCATE:
        return this.#change(call);
      case Private.OPEN:
        return (call.args[1] & O.TRUNC) !== 0 ? this.#change(call) : this.writes.call(call);
      case Private.CREATE:
        return (call.args[2] & O.TRUNC) !== 0 ? this.#changeUnknown(call) : this.#create(call);
      default:
        return this.writes.call(call);
    }
  }

  #read(call: ServiceCall): Blocking<number> {
    const { args, payload } = call, offset = args[1];
    const record = this.server.record(args[0]);
    if (!mayKeep(record) || !(offset >= 0) || payload.length === 0 || !this.#files.usable) {
      return this.writes.call(call);
    }
    const file = this.#files.of(record);
    const held = this.pool.read(file, offset, payload);
    const isNext = file.lastEnd === offset;
    file.lastEnd = offset + payload.length;
    if (held >= 0) {
      this.hits++;
      return held;
    }
    this.misses++;
    return this.#fetch(call, file, isNext && payload.length <= SMALL_BYTES);
  }

  /**
   * A read that crosses. What it brings is kept where it was asked for before, or further reads will soon
   * ask for what follows it.
   */
  #fetch(call: ServiceCall, file: CachedFile, isNext: boolean): Blocking<number> {
    const offset = call.args[1], length = call.payload.length, end = offset + length;
    const first = Math.floor(offset / PAGE_BYTES);
    const wanted = this.pool.askedAgain(file, first) || isNext || this.pool.hasFree;
    if (!wanted) return this.writes.call(call);
    const start = first * PAGE_BYTES;
    const most = Math.floor(this.server.maxPayloadBytes / PAGE_BYTES) * PAGE_BYTES;
    const pages = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES - start;
    const bytes = Math.min(isNext ? Math.max(pages, AHEAD_BYTES) : pages, most);
    if (length > SMALL_BYTES || bytes < pages || bytes === length) {
      return this.#keepAnswer(call, file);
    }
    return this.#fetchAround(call, file, start, bytes);
  }

  /** Reads more than was asked for. */
  #fetchAround(
    call: ServiceCall,
    file: CachedFile,
    start: number,
    bytes: number,
  ): Blocking<number> {
    const { args, payload } = call, before = args[1] - start;
    const buffer = new Uint8Array(bytes);
    const answer = new Answer<number>();
    const settle = (value?: number, failure?: unknown) => answer.settle(value, failure);
    const around = this.#keepAnswer({ ...call, args: [args[0], start], payload: buffer }, file);
    this.tasks.spawn(coroutineOf(around), (status, failure) => {
      // What lies around may be what cannot be read.
      if (failure !== undefined || status! < 0) {
        return void this.tasks.spawn(coroutineOf(this.writes.call(call)), settle);
      }
      const count = Math.max(0, Math.min(status! - before, payload.length));
      payload.set(buffer.subarray(before, before + count));
      settle(count);
    });
    return answer;
  }

  #keepAnswer(call: ServiceCall, file: CachedFile): Blocking<number> {
    const answer = this.writes.call(call);
    // Only what one answer brings, and is looked at as it comes, is of one moment.
    if (!(answer instanceof Answer)) return answer;
    const { args, payload } = call;
    const read = file.begin(args[1], payload.length, false);
    return after(answer, this.tasks, (status) => {
      if (file.end(read) && status >= 0 && this.#files.usable) {
        this.#keep(file, args[1], payload, status);
      }
      return status;
    });
  }

  #keep(file: CachedFile, offset: number, bytes: Uint8Array, count: number): void {
    const end = offset + count;
    // One that is empty says nothing: it may be anywhere behind the end.
    if (count === 0) return;
    if (count < bytes.length) file.endsAt(end);
    else if (end > file.knownBytes) file.knownBytes = end;
    const first = Math.ceil(offset / PAGE_BYTES);
    for (let page = first; page * PAGE_BYTES < end; page++) {
      const at = page * PAGE_BYTES - offset, length = Math.min(PAGE_BYTES, count - at);
      if (length < PAGE_BYTES && file.sizeBytes !== end) break;
      this.pool.keep(file, page, bytes.subarray(at, at + length));
    }
  }

  /** lseek(2) from the end: where that is known nobody has to be asked. */
  #seekEnd(call: ServiceCall): Blocking<number> {
    const record = this.server.record(call.args[0]);
    if (!record.steady || !this.#files.usable) return this.writes.call(call);
    const file = this.#files.of(record), distance = call.args[1];
    if (file.sizeBytes >= 0) {
      const position = file.sizeBytes + distance;
      return position >= 0 ? position : -E.EINVAL;
    }
    const answer = this.writes.call(call);
    if (!(answer instanceof Answer)) return answer;
    // As a read of all of it: a change that is under way meanwhile may have another end.
    const read = file.begin(0, Infinity, false);
    return after(answer, this.tasks, (status) => {
      if (file.end(read) && status >= 0 && this.#files.usable) {
        file.endsAt(status - distance);
      }
      return status;
    });
  }

  /** A write of which it is known where it goes need not be waited for, if its server takes it for certain. */
  #write(call: ServiceCall): Blocking<number> {
    this.writes.hear();
    const { args, payload } = call;
    const record = this.server.record(args[0]);
    if (!record.takesWrites || !this.#files.usable) return this.#change(call);
    if (payload.length > this.server.maxPayloadBytes) return this.#writeInParts(call);
    const file = this.#files.of(record), { sizeBytes } = file;
    const offset = args[2] !== 0 ? sizeBytes : args[1], { length } = payload;
    const isInside = file.isInside(offset, length);
    if (!isInside && sizeBytes < 0) return this.#writeBlind(call, file);
    const admitted = offset >= 0 ? this.writes.admits(args[0], offset, length) : "never";
    if (admitted === "never" || admitted === "now" && !this.writes.hasRoom) {
      return this.#change(call);
    }
    if (admitted === "later") return this.#writeLater(call, offset);
    // One that moves the end meets whoever would still find it where it was.
    const from = isInside ? offset : Math.min(offset, sizeBytes);
    const write = file.begin(from, offset + length - from, true);
    // Where nothing else is under way, what is kept is as programs see it, and the server's soon.
    const end = offset + length;
    if (!isInside) file.endsAt(Math.max(sizeBytes, end));
    const kept = file.frames.size > 0 || this.pool.hasFree
      ? putBytes(this.pool, file, offset, payload)
      : undefined;
    this.writes.begin(
      { ...call, args: [args[0], offset, 0] },
      isInside ? undefined : from,
      kept,
      (done) => this.#endWrite(write, done),
    );
    return length;
  }

  /** A write longer than the ring's slots is several; a short one ends it. */
  *#writeInParts(call: ServiceCall): Coroutine<number> {
    const { payload } = call, [handle, offset, appends] = Array.from(call.args);
    const most = this.server.maxPayloadBytes;
    for (let done = 0; done < payload.length;) {
      const piece = payload.subarray(done, done + most);
      const args = [handle, offset + done, appends];
      const count = yield* finish(this.#write({ ...call, args, payload: piece }));
      if (count < 0) return done > 0 ? done : count;
      done += count;
      if (count < piece.length) return done;
    }
    return payload.length;
  }

  *#writeLater(call: ServiceCall, offset: number): Coroutine<number> {
    yield* this.writes.admission(call.args[0], offset, call.payload.length);
    return yield* finish(this.#write(call));
  }

  /** Nobody knows where the file ends: for one that is written to time and again it is worth to be asked. */
  #writeBlind(call: ServiceCall, file: CachedFile): Blocking<number> {
    if (file.blindWrites++ === 0 || file.changing > 0) return this.#change(call);
    file.blindWrites = 0;
    return this.#writeOnceKnown(call);
  }

  *#writeOnceKnown(call: ServiceCall): Coroutine<number> {
    const args = [call.args[0], 0, SEEK.END];
    yield* finish(this.#seekEnd({ ...call, number: Call.LSEEK, args, payload: NOTHING }));
    return yield* finish(this.#write(call));
  }

  #endWrite(write: Transfer, done: boolean): void {
    const { file } = write;
    file.end(write);
    this.#files.changeEnds(file);
    if (done) return;
    file.swept();
    this.pool.dropAll(file);
  }

  /** A call that changes the file of its handle. */
  #change(call: ServiceCall): Blocking<number> {
    const record = this.server.record(call.args[0]);
    if (!record.steady) return this.writes.call(call);
    const isWrite = call.number === Call.PWRITE64;
    const change = this.#begin(this.#files.of(record), isWrite ? call : undefined);
    let result: Blocking<number>;
    try {
      result = this.writes.call(call);
    } catch (failure) {
      this.#end(change, false);
      throw failure;
    }
    // Of what has not been sent yet it is not known what will be sent.
    if (isCoroutine(result) && !(result instanceof Answer)) this.#giveUp(change);
    const whole = isWrite ? call.payload.length : 0;
    return after(result, this.tasks, (status) => {
      this.#end(change, status === whole, sizeAfter(call));
      return status;
    });
  }

  /** What a change may touch is not used any more. @param write of part of the file; else all of it */
  #begin(file: CachedFile, write: ServiceCall | undefined): Change {
    if (write === undefined) {
      const sweep = file.beginSweep(true);
      this.pool.dropAll(file);
      return { file, sweep, pages: NO_PAGES };
    }
    const { args, payload } = write, offset = args[1], appends = args[2];
    if (appends === 0 && file.isInside(offset, payload.length)) {
      const transfer = file.begin(offset, payload.length, true);
      return {
        file,
        sweep: 0,
        write: transfer,
        pages: withdrawReplaced(this.pool, file, offset, payload),
      };
    }
    const sweep = file.beginSweep(false);
    dropEnd(this.pool, file);
    // Whole pages that are kept are inside the file: of those, at most the first is touched.
    if (appends === 0) dropBytes(this.pool, file, offset, payload.length);
    return { file, sweep, pages: NO_PAGES };
  }

  #giveUp(change: Change): void {
    for (const [, frame] of change.pages) this.pool.release(frame);
    change.pages = NO_PAGES;
  }

  /** @param done all of it was @param sizeBytes what the file has then, if it is known */
  #end(change: Change, done: boolean, sizeBytes?: number): void {
    const { file, write, pages, sweep } = change;
    const isSo = write !== undefined ? file.end(write) : file.endSweep(sweep);
    this.#files.changeEnds(file);
    if (isSo && done && this.#files.usable) {
      for (const [page, frame] of pages) this.pool.give(frame, file, page);
      change.pages = NO_PAGES;
      if (sizeBytes !== undefined) file.endsAt(sizeBytes);
    }
    this.#giveUp(change);
  }

  /** What is made is empty, unless somebody else has it already, and wrote to it. */
  #create(call: ServiceCall): Blocking<number> {
    const { forgettings } = this.#files;
    return after(this.writes.call(call), this.tasks, (status) => {
      if (status < 0 || status === CONTINUES || !getWalkResult(call.payload).flag) return status;
      const record = this.server.record(status);
      const isNew = !this.#files.has(record);
      if (isNew && forgettings === this.#files.forgettings && record.steady && this.#files.usable) {
        this.#files.of(record).endsAt(0);
      }
      return status;
    });
  }

  /** A call that may empty a file, which one is known once it is done. */
  #changeUnknown(call: ServiceCall): Blocking<number> {
    this.#files.raiseBarrier();
    const over = (status: number) => {
      this.#files.lowerBarrier();
      if (status < 0) this.#files.forgetAll();
      else if (status !== CONTINUES) this.#files.emptied(this.server.record(status));
      return status;
    };
    let result: Blocking<number>;
    try {
      result = this.writes.call(call);
    } catch (failure) {
      over(-1);
      throw failure;
    }
    return after(result, this.tasks, over);
  }
}

/** Whether reads through a handle may be answered by the client. */
function mayKeep({ steady, flags }: HandleRecord): boolean {
  return steady && flags >= 0 && (flags & O.ACCMODE) !== O.WRONLY && (flags & O.DIRECT) === 0;
}

function coroutineOf(value: Blocking<number>): Coroutine<number> {
  return isCoroutine(value) ? value : finish(value);
}

/** Bytes that a file has after a change that is done, where the change says so. */
function sizeAfter({ number, args }: ServiceCall): number | undefined {
  if (number === Call.FTRUNCATE) return args[1];
  return number === Private.OPEN ? 0 : undefined;
}
