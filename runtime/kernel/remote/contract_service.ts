// A remote file server under its recovery contract. `error`: what was pending or open when it died is
// EIO, new work goes to the new instance. `retry`: calls wait for the new instance, open files come
// back, acknowledged changes that were not durable are done again, and so are calls that were under
// way: programs see a pause. A change without an answer cannot have become durable, since what makes
// it so is another call, sent after its answer; but for the moment between the two that the server's
// own commits may fall into, and for writes that nobody waits for, which can be done twice.
import type { ClientContract } from "../../../schemas/plan.ts";
import {
  type Answer,
  type Blocking,
  type Coroutine,
  finish,
  type Tasks,
  WaitQueue,
} from "../coroutine.ts";
import { E } from "../errno.ts";
import type { Credential, Service, ServiceCall } from "../service.ts";
import { O } from "../vfs/constants.ts";
import { Call, CONTINUES, getWalkResult, Private } from "../vfs/protocol.ts";
import { inputOf, makesWithoutHandle } from "./call_input.ts";
import { type Connection, LOST, RingAnswer } from "./connection.ts";
import { HandleBook, type HandleRecord, identity, ofSameFile } from "./handle_book.ts";
import { noteLock } from "./held_locks.ts";
import { payloadFlow } from "./payload_flow.ts";
import { changes, concernsHandles, type RedoEntry, RedoLog } from "./redo_log.ts";

/** Data that may be acknowledged and not durable: beyond it the server is asked to sync. */
const MAX_REDO_BYTES = 16 << 20;
/** Places in the ring that calls which nobody waits for leave to others. */
const SLOTS_LEFT = 4;
/** Writes that a server which sleeps is woken for, unless their caller waits before. */
const WRITES_A_BELL = 24;
const kernel: Credential = { uid: 0, gid: 0, groups: [] };
const nothing = new Uint8Array(0);
const NO_RECORDS: HandleRecord[] = [];

/** The answer to a call of a program: what it means is for the contract to say. */
class ContractAnswer extends RingAnswer {
  constructor(
    private readonly service: ContractService,
    connection: Connection,
    readonly call: ServiceCall,
    readonly input: Uint8Array,
    /** of its handles, where something is noted of them */
    readonly records: HandleRecord[],
    /** the payload, where it is a buffer of the log's */
    readonly buffer?: Uint8Array,
  ) {
    super(connection, call.number, call.payload);
  }

  protected override arrived(status: number): void {
    this.service.arrived(this, status);
  }
}

export class ContractService implements Service {
  readonly #book = new HandleBook();
  readonly #log = new RedoLog();
  readonly #recovered = new WaitQueue();
  /** generation whose handles are in the book */
  #generation: number;
  #syncing = false;
  /** closed by the program, not yet at the server */
  #unclosed: HandleRecord[] = [];
  /** how many changes were durable when those were last looked at */
  #lastLook = 0;

  /** @param tasks of the domain that calls */
  constructor(
    private readonly connection: Connection,
    private readonly contract: ClientContract,
    private readonly tasks: Tasks,
  ) {
    this.#generation = connection.generation;
  }

  get transaction(): number {
    return this.connection.transaction;
  }

  get durable(): number {
    return this.connection.durable;
  }

  /** of the server's instance that all handles are known to */
  get generation(): number {
    return this.#generation;
  }

  /** what the server that is there takes for certain; see `Service` */
  get spareBytes(): number {
    return this.connection.spareBytes;
  }

  get maxPayloadBytes(): number {
    return this.connection.maxPayloadBytes;
  }

  /** What is known of a handle. @throws Errno EBADF, EIO for one that died with its server */
  record(handle: number): HandleRecord {
    return this.#book.get(handle);
  }

  /** What is known of a handle, dead ones included. @throws Errno EBADF */
  peek(handle: number): HandleRecord {
    return this.#book.peek(handle);
  }

  /** Who the handles of a call are. @throws Errno EBADF, EIO */
  handlesOf({ number, args }: ServiceCall): HandleRecord[] {
    return this.#book.recordsOf(number, args);
  }

  /** A write that nobody waited for has failed: each open handle of its file tells it once. */
  noteFailure(record: HandleRecord, errno: number): void {
    for (const each of this.#book.all) {
      if (each.flags >= 0 && ofSameFile(each, record)) each.failure = errno;
    }
  }

  /** Changes kept in case the server dies. */
  get redoEntries(): number {
    return this.#log.entries.length;
  }

  call(call: ServiceCall): Blocking<number> {
    const { number, payload } = call;
    if (number === Call.CLOSE) return this.#close(call);
    if (number === Private.HOLD) {
      this.#book.get(call.args[0]).uses++;
      return 0;
    }
    if (payload.length > this.connection.maxPayloadBytes) return this.#callInParts(call);
    if (makesDurable(number) && this.#isDurable(call)) return 0;
    if (this.ready) {
      const answer = new ContractAnswer(
        this,
        this.connection,
        call,
        inputOf(call),
        this.#recordsOf(call),
      );
      if (this.connection.send(call, this.#book.translate(number, call.args), answer)) {
        return answer;
      }
    }
    return this.#callOnceReady(call);
  }

  /**
   * Sends a write for a caller that goes on, and may use its buffer meanwhile.
   * @returns the answer; nothing where it cannot be sent now, or too much is kept already
   */
  sendWrite(call: ServiceCall): Answer<number> | undefined {
    const { connection } = this;
    const { number, args, credential } = call;
    if (!this.ready || connection.ring.room <= SLOTS_LEFT || this.#log.bytes >= MAX_REDO_BYTES) {
      return undefined;
    }
    const buffer = this.contract === "retry" ? this.#log.buffers.copy(call.payload) : undefined;
    const kept = { number, args, credential, payload: buffer ?? call.payload };
    const answer = new ContractAnswer(
      this,
      connection,
      kept,
      nothing,
      this.#recordsOf(kept),
      buffer,
    );
    if (!connection.send(kept, this.#book.translate(number, args), answer)) return undefined;
    // The caller may go on for long. Who is woken for each write goes to sleep again before the next.
    if (connection.ring.untold >= WRITES_A_BELL) connection.notify();
    return answer;
  }

  /** Takes the answers that have come, before the domain's loop does. */
  hear(): void {
    this.connection.poll();
  }

  /** The status of a call sent by `call` has come. */
  arrived(answer: ContractAnswer, status: number): void {
    const { call } = answer;
    const settle = (value: number | undefined, failure: unknown) => answer.settle(value, failure);
    if (status === LOST) {
      if (this.contract !== "retry") answer.settle(-E.EIO);
      else this.tasks.spawn(this.#callOnceReady(call, answer.records), settle);
      return;
    }
    const { transaction, input, records, buffer } = answer;
    const result = this.#answered(call, transaction, status, input, records, buffer);
    // Who only reads does not wait: what it read is in its payload, for it to look at now.
    const waits = this.#log.bytes >= MAX_REDO_BYTES && !this.#syncing &&
      concernsHandles(call.number);
    if (!waits) answer.settle(result);
    else this.tasks.spawn(this.#relieve(), (_, failure) => settle(result, failure));
  }

  /** Whether the server has told that every change is durable which it acknowledged: of a file, or of all. */
  #isDurable(call: ServiceCall): boolean {
    if (this.contract !== "retry" || !this.ready) return false;
    const [record] = this.handlesOf(call);
    this.#log.trim(this.connection.durable);
    return record === undefined ? this.#log.entries.length === 0 : !this.#log.mayConcern(record);
  }

  /** A call that has to wait for room in the ring, or for the server. */
  *#callOnceReady(call: ServiceCall, records = this.#recordsOf(call)): Coroutine<number> {
    // Names are kept before the answer takes their place in the payload.
    const input = inputOf(call);
    for (;;) {
      if (!(yield* this.#available())) return -E.EIO;
      // Closed meanwhile: its number may be that of another file by now.
      if (records.some(({ uses }) => uses === 0)) return -E.EBADF;
      const args = this.#book.translate(call.number, call.args);
      const sent: ServiceCall = { ...call, args };
      const status = yield* this.connection.call(sent);
      if (status !== LOST) {
        const result = this.#answered(call, sent.transaction ?? 0, status, input, records);
        if (this.#log.bytes >= MAX_REDO_BYTES && !this.#syncing) yield* this.#relieve();
        return result;
      }
      if (this.contract !== "retry") return -E.EIO;
    }
  }

  /** Whether calls can be sent. */
  get ready(): boolean {
    return this.connection.state === "up" && this.#generation === this.connection.generation;
  }

  /** Waits until calls can be sent. @returns false when they cannot: EIO */
  *#available(): Coroutine<boolean> {
    for (;;) {
      if (this.connection.state === "gone") return false;
      if (this.ready) return true;
      // New work goes to the instance that is there, as soon as it knows the old one's end.
      if (this.connection.state === "up") yield this.#recovered;
      else if (this.contract === "error") return false;
      else yield this.connection.changed;
    }
  }

  /** A transfer larger than a slot is several calls; a short one ends it. */
  *#callInParts(call: ServiceCall): Coroutine<number> {
    const { number, args, credential, payload } = call;
    const part = this.connection.maxPayloadBytes;
    if (number !== Call.PREAD64 && number !== Call.PWRITE64) {
      return yield* finish(
        this.call({ number, args, credential, payload: payload.subarray(0, part) }),
      );
    }
    for (let done = 0; done < payload.length;) {
      const piece = payload.subarray(done, done + part);
      const count = yield* finish(this.call({
        number,
        args: [args[0], args[1] + done, args[2] ?? 0],
        credential,
        payload: piece,
      }));
      if (count < 0) return done > 0 ? done : count;
      done += count;
      if (count < piece.length) return done;
    }
    return payload.length;
  }

  /** Who the handles of a call are, where that will be asked for: they may be closed before its answer. */
  #recordsOf({ number, args }: ServiceCall): HandleRecord[] {
    return concernsHandles(number) ? this.#book.recordsOf(number, args) : NO_RECORDS;
  }

  #answered(
    call: ServiceCall,
    transaction: number,
    status: number,
    input: Uint8Array,
    records: HandleRecord[],
    buffer?: Uint8Array,
  ): number {
    const { number } = call;
    this.#log.trim(this.connection.durable);
    if (status < 0) return status;
    let result = status;
    let made: HandleRecord | undefined;
    let isNew = false;
    if (
      (number === Private.WALK || number === Private.CREATE || number === Private.ROOT ||
        number === Private.UNNAMED) &&
      status !== CONTINUES
    ) {
      const found = getWalkResult(call.payload);
      const { mount, ino, generation, flag, steady, takesWrites } = found;
      const flags = number === Private.CREATE
        ? call.args[2]
        : number === Private.UNNAMED
        ? call.args[1]
        : number === Private.WALK
        ? (call.args[5] ?? 0) - 1
        : -1;
      isNew = number === Private.CREATE && flag;
      const server = status;
      result = this.#book.add({ server, mount, ino, generation, flags, steady, takesWrites });
      made = this.#book.get(result);
    } else if (this.contract === "retry" && makesWithoutHandle(number)) {
      const { mount, ino, generation } = getWalkResult(call.payload);
      made = {
        server: -1,
        mount,
        ino,
        generation,
        flags: -1,
        uses: 0,
        cover: 0,
        locks: [],
        dead: false,
        steady: false,
        takesWrites: false,
        failure: 0,
      };
    } else if (number === Private.OPEN) records[0].flags = call.args[1];
    else if (number === Private.COVER) records[0].cover = call.args[1];
    else if (number === Call.FCNTL || number === Call.FLOCK) noteLock(call, records[0]);
    if (this.contract === "retry" && status !== CONTINUES && changes(number, call.args, isNew)) {
      this.#keep(call, transaction, input, made, records, buffer);
    }
    return result;
  }

  #keep(
    call: ServiceCall,
    transaction: number,
    input: Uint8Array,
    made: HandleRecord | undefined,
    records: HandleRecord[],
    buffer: Uint8Array | undefined,
  ): void {
    const { buffers } = this.#log;
    if (transaction <= this.connection.durable) {
      if (buffer !== undefined) buffers.release(buffer);
      return;
    }
    if (payloadFlow(call.number) === "in") buffer ??= buffers.copy(call.payload);
    const payload = buffer ?? input;
    this.#log.add(
      {
        number: call.number,
        args: call.args,
        credential: call.credential,
        payload,
        buffer,
        transaction,
        made,
      },
      records,
    );
  }

  /** So much is kept that the server has to make it durable before the caller goes on. */
  *#relieve(): Coroutine<void> {
    this.#syncing = true;
    try {
      yield* finish(
        this.call({ number: Call.SYNC, args: [], credential: kernel, payload: nothing }),
      );
    } finally {
      this.#syncing = false;
    }
  }

  *#close(call: ServiceCall): Coroutine<number> {
    const record = this.#book.drop(call.args[0]);
    if (record === undefined) return 0;
    record.uses = 0;
    // A file that may have to be made again keeps its handle until it is durable.
    const closing = this.#log.needs(record) ? [] : [record];
    if (closing.length === 0) this.#unclosed.push(record);
    if (this.#unclosed.length > 0 && this.#lastLook !== this.#log.durableEntries) {
      this.#lastLook = this.#log.durableEntries;
      const needed = this.#unclosed;
      this.#unclosed = [];
      for (const each of needed) (this.#log.needs(each) ? this.#unclosed : closing).push(each);
    }
    const numbers = closing.map(({ server }) => server), generation = this.#generation;
    for (const [index, record] of closing.entries()) {
      const server = numbers[index];
      if (server < 0 || record.dead || !(yield* this.#available())) continue;
      // A server that did not get it back may have given its number to another file.
      if (this.#generation !== generation && record.server === server) continue;
      yield* this.connection.call({
        number: Call.CLOSE,
        args: [record.server],
        credential: kernel,
        payload: nothing,
      });
    }
    return 0;
  }

  /**
   * Brings the new instance to where programs left the old one. To be run once each time the
   * connection is up again; calls of programs wait until it is done.
   */
  *recover(): Coroutine<void> {
    try {
      yield* this.#bringUpToDate();
    } finally {
      // Where the server was lost meanwhile, those who wait have to look what became of it.
      this.#recovered.wakeAll();
    }
  }

  *#bringUpToDate(): Coroutine<void> {
    const generation = this.connection.generation;
    const send = (
      number: number,
      args: number[],
      payload: Uint8Array = nothing,
      credential = kernel,
    ) => this.connection.call({ number, args, credential, payload });
    const records = new Set(this.#book.all.filter((record) => !record.dead));
    for (const entry of this.#log.entries) {
      for (const record of entry.handles.values()) records.add(record);
    }
    // A closed file that has become durable is not had again, and has no number any more.
    for (const record of [...records, ...this.#unclosed]) record.server = -1;
    if (this.contract === "retry") {
      const recovered = yield* send(Private.RECOVERED, [0]);
      if (recovered === LOST) return;
      this.#log.restart(recovered);
    }
    // What a kept change made is not there yet: its handles come back once the change is done again.
    const unborn = new Set(
      this.#log.entries.flatMap((entry) => entry.made === undefined ? [] : [identity(entry.made)]),
    );
    for (const record of records) {
      if (unborn.has(identity(record))) continue;
      if (this.contract === "error" && record.flags >= 0) record.dead = true;
      else if (!(yield* this.#reopen(record, send))) return;
    }
    for (const entry of [...this.#log.entries]) {
      for (const record of entry.handles.values()) {
        if (!(yield* this.#reopen(record, send))) return;
      }
      if (!(yield* this.#redo(entry, records))) return;
    }
    for (const record of records) if (!(yield* this.#reopen(record, send))) return;
    for (const record of this.#book.all) {
      if (record.dead || record.server < 0) continue;
      if (
        record.cover !== 0 && (yield* send(Private.COVER, [record.server, record.cover])) === LOST
      ) return;
      for (const lock of record.locks) {
        if ((yield* send(lock.number, [record.server, ...lock.args])) === LOST) return;
      }
    }
    if (
      (yield* send(Private.DROP_ORPHANS, [])) === LOST || this.connection.generation !== generation
    ) return;
    this.#generation = generation;
  }

  /** Gets a handle again, where there is none yet. @returns false when the server died again */
  *#reopen(record: HandleRecord, send: Send): Coroutine<boolean> {
    if (record.server >= 0 || record.dead) return true;
    const args = [record.mount, record.ino, record.generation, record.flags];
    const status = yield* send(Private.REOPEN, args, new Uint8Array(64));
    if (status === LOST) return false;
    record.server = status;
    record.dead = status < 0;
    return true;
  }

  /**
   * Does a kept change again. What it makes is another inode than before: every record of the old one
   * follows at once, for the server may die again at any moment.
   * @returns false when the server died again
   */
  *#redo(entry: RedoEntry, records: Set<HandleRecord>): Coroutine<boolean> {
    const args = entry.args.slice();
    for (const [index, record] of entry.handles) args[index] = record.server;
    // It may have been there already: then it is opened, not refused.
    if (entry.number === Private.CREATE) args[2] &= ~O.EXCL;
    const { made } = entry;
    const payload = made === undefined
      ? entry.payload
      : new Uint8Array(entry.payload.length + IDENTITY_BYTES);
    if (made !== undefined) payload.set(entry.payload);
    const call: ServiceCall = {
      number: entry.number,
      args,
      credential: entry.credential,
      payload,
    };
    const status = yield* this.connection.call(call);
    if (status === LOST) return false;
    entry.transaction = call.transaction ?? 0;
    if (made === undefined || status < 0) return true;
    const before = identity(made);
    const { ino, generation } = getWalkResult(payload);
    for (const record of records) {
      if (identity(record) === before) Object.assign(record, { ino, generation });
    }
    Object.assign(made, { ino, generation });
    if (!makesWithoutHandle(entry.number)) made.server = status;
    return true;
  }
}

/** Room for the identity that calls which make something answer with. */
const IDENTITY_BYTES = 64;

function makesDurable(number: number): boolean {
  return number === Call.FSYNC || number === Call.FDATASYNC || number === Call.SYNC;
}

type Send = (
  number: number,
  args: number[],
  payload?: Uint8Array,
  credential?: Credential,
) => Coroutine<number>;
