// What a client keeps of the files of another domain, so that reading it again does not cross the ring.
// The client is its server's only one, hence every change of a file passes here: what a change may touch
// is given up when it is sent, and nothing that was read meanwhile is kept until it is answered. Nothing
// outlives the server's instance. What may be kept, the server says (`steady` in protocol.ts).
// docs/decisions/2026-11-30-clients-keep-pages.md has the argument.
import { after } from "../../after.ts";
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
import type { CachedFile, Transfer } from "./cached_file.ts";
import { CachedFiles } from "./cached_files.ts";
import { putBytes } from "./cached_pages.ts";
import type { ContractService } from "../contract/contract_service.ts";
import type { HandleRecord } from "../contract/handle_book.ts";
import { FileChange } from "./file_change.ts";
import { PageFetch } from "./page_fetch.ts";
import type { PagePool } from "./page_pool.ts";
import { WritesBehind } from "./writes_behind.ts";

const NOTHING = new Uint8Array(0);

export class ClientCache implements Service {
  /** reads answered from what is kept, and others of files that could have been */
  hits = 0;
  misses = 0;
  /** between this and the server */
  readonly writes: WritesBehind;
  readonly #files: CachedFiles;
  readonly #fetch: PageFetch;

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
    this.#fetch = new PageFetch(this.writes, this.#files, pool, tasks);
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
    return this.#fetch.read(call, file, isNext);
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
    const files = this.#files, file = files.of(record);
    const change = new FileChange(files, this.pool, file, isWrite ? call : undefined);
    let result: Blocking<number>;
    try {
      result = this.writes.call(call);
    } catch (failure) {
      change.end(false);
      throw failure;
    }
    // Of what has not been sent yet it is not known what will be sent.
    if (isCoroutine(result) && !(result instanceof Answer)) change.giveUp();
    const whole = isWrite ? call.payload.length : 0;
    return after(result, this.tasks, (status) => {
      change.end(status === whole, sizeAfter(call));
      return status;
    });
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

/** Bytes that a file has after a change that is done, where the change says so. */
function sizeAfter({ number, args }: ServiceCall): number | undefined {
  if (number === Call.FTRUNCATE) return args[1];
  return number === Private.OPEN ? 0 : undefined;
}
