// A remote file server under its recovery contract. `error`: what was pending or open when it died is
// EIO, new work goes to the new instance. `retry`: calls wait for the new instance, open files come
// back, acknowledged changes that were not durable are done again, and so are calls that were under
// way: programs see a pause. A change without an answer cannot have become durable, since what makes
// it so is another call, sent after its answer; but for the moment between the two that the server's
// own commits may fall into, and for writes that nobody waits for, which can be done twice.
import type { ClientContract } from "../../../../schemas/plan.ts";
import {
  type Answer,
  type Blocking,
  type Coroutine,
  finish,
  type Tasks,
  WaitQueue,
} from "../../coroutine.ts";
import { E } from "../../errno.ts";
import type { Credential, Service, ServiceCall } from "../../service.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import { inputOf } from "./call_input.ts";
import { type AnsweredCall, ClientNotes } from "./client_notes.ts";
import { type Connection, LOST, RingAnswer } from "../transport/connection.ts";
import { type HandleRecord, ofSameFile } from "./handle_book.ts";
import type { KeptBytes } from "./kept_bytes.ts";
import { Recovery } from "./recovery.ts";
import { concernsHandles } from "./redo_log.ts";

/** Data that may be acknowledged and not durable: beyond it the server is asked to sync. */
const MAX_REDO_BYTES = 16 << 20;
/** Places in the ring that calls which nobody waits for leave to others. */
const SLOTS_LEFT = 4;
/** What a server that sleeps is woken for, unless somebody waits before: writes, their bytes, or the time. */
const WRITES_A_BELL = 16;
const BYTES_A_BELL = 64 << 10;
const BELL_NS = 10e6;
const kernel: Credential = { uid: 0, gid: 0, groups: [] };
const nothing = new Uint8Array(0);

/** The answer to a call of a program: what it means is for the contract to say. */
class ContractAnswer extends RingAnswer implements AnsweredCall {
  constructor(
    private readonly service: ContractService,
    connection: Connection,
    readonly call: ServiceCall,
    readonly input: Uint8Array,
    readonly records: HandleRecord[],
    readonly kept?: KeptBytes,
  ) {
    super(connection, call.number, call.payload);
  }

  protected override arrived(status: number): void {
    this.service.arrived(this, status);
  }
}

export class ContractService implements Service {
  readonly #notes: ClientNotes;
  readonly #recovery: Recovery;
  readonly #recovered = new WaitQueue();
  /** generation whose handles are in the book */
  #generation: number;
  #syncing = false;
  /** of writes that a server which sleeps has not been woken for, about */
  #unhurriedBytes = 0;
  /** whether it will be */
  #hurries = false;

  /** @param tasks of the domain that calls */
  constructor(
    private readonly connection: Connection,
    private readonly contract: ClientContract,
    private readonly tasks: Tasks,
  ) {
    this.#generation = connection.generation;
    this.#notes = new ClientNotes(connection, contract);
    this.#recovery = new Recovery(connection, contract, this.#notes);
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
    return this.#notes.book.get(handle);
  }

  /** What is known of a handle, dead ones included. @throws Errno EBADF */
  peek(handle: number): HandleRecord {
    return this.#notes.book.peek(handle);
  }

  /** Who the handles of a call are. @throws Errno EBADF, EIO */
  handlesOf({ number, args }: ServiceCall): HandleRecord[] {
    return this.#notes.book.recordsOf(number, args);
  }

  /** A write that nobody waited for has failed: each open handle of its file tells it once. */
  noteFailure(record: HandleRecord, errno: number): void {
    for (const each of this.#notes.book.all) {
      if (each.flags >= 0 && ofSameFile(each, record)) each.failure = errno;
    }
  }

  /** Changes kept in case the server dies. */
  get redoEntries(): number {
    return this.#notes.log.entries.length;
  }

  call(call: ServiceCall): Blocking<number> {
    const { number, payload } = call;
    if (number === Call.CLOSE) return this.#close(call);
    if (number === Private.HOLD) {
      this.#notes.book.get(call.args[0]).uses++;
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
        this.#notes.recordsOf(call),
      );
      if (this.connection.send(call, this.#notes.book.translate(number, call.args), answer)) {
        return answer;
      }
    }
    return this.#callOnceReady(call);
  }

  /** Whether a write can be sent for a caller that goes on: there is room for it, and not too much kept already. */
  get takesWrite(): boolean {
    return this.ready && this.connection.ring.room > SLOTS_LEFT &&
      this.#notes.log.bytes < MAX_REDO_BYTES;
  }

  /**
   * Sends a write for a caller that goes on, and may use its buffer meanwhile. Only where it can be sent.
   * @param kept its payload, where that is kept anyway; to be given back
   */
  sendWrite(call: ServiceCall, kept: KeptBytes | undefined): Answer<number> {
    const { connection } = this, { book, log } = this.#notes;
    const { number, args, credential } = call;
    let { payload } = call;
    const sent = { number, args: book.translate(number, args), credential, payload };
    if (this.contract === "retry") {
      kept ??= log.buffers.copy(payload);
      ({ bytes: payload } = kept);
    } else kept?.release();
    const own = { number, args, credential, payload };
    const answer = new ContractAnswer(
      this,
      connection,
      own,
      nothing,
      this.#notes.recordsOf(own),
      kept,
    );
    if (!connection.send(sent, sent.args, answer, false)) {
      throw new Error("There is no room for a write that was to be sent");
    }
    // Who is woken for each write goes to sleep again before the next.
    this.#unhurriedBytes += payload.length;
    const enough = connection.ring.untold >= WRITES_A_BELL || this.#unhurriedBytes >= BYTES_A_BELL;
    if (enough) this.hurry();
    else this.#hurryLater();
    return answer;
  }

  /** Somebody waits for writes that were sent. */
  hurry(): void {
    this.#unhurriedBytes = 0;
    this.connection.hurry();
  }

  #hurryLater(): void {
    if (this.#hurries) return;
    this.#hurries = true;
    const { tasks } = this;
    tasks.spawn(tasks.sleep(BELL_NS), () => {
      this.#hurries = false;
      this.hurry();
    });
  }

  /**
   * Sends a sync of writes that have not been answered.
   * @returns the server's answer; none where it could not be sent, or its server was lost meanwhile
   */
  *syncBehind(call: ServiceCall): Coroutine<number | undefined> {
    if (!this.ready) return undefined;
    const args = this.#notes.book.translate(call.number, call.args);
    const answer = this.connection.begin({ ...call, args });
    if (answer === undefined) return undefined;
    const status = yield* answer;
    return status === LOST ? undefined : status;
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
      if (this.contract !== "retry") return answer.settle(-E.EIO);
      this.tasks.spawn(this.#callOnceReady(call, answer.records), (value, failure) => {
        answer.kept?.release();
        settle(value, failure);
      });
      return;
    }
    const result = this.#notes.answered(answer, status);
    // Who only reads does not wait: what it read is in its payload, for it to look at now.
    const waits = this.#notes.log.bytes >= MAX_REDO_BYTES && !this.#syncing &&
      concernsHandles(call.number);
    if (!waits) answer.settle(result);
    else this.tasks.spawn(this.#relieve(), (_, failure) => settle(result, failure));
  }

  /** Whether the server has told that every change is durable which it acknowledged: of a file, or of all. */
  #isDurable(call: ServiceCall): boolean {
    if (this.contract !== "retry" || !this.ready) return false;
    const [record] = this.handlesOf(call), { log } = this.#notes;
    log.trim(this.connection.durable);
    return record === undefined ? log.entries.length === 0 : !log.mayConcern(record);
  }

  /** A call that has to wait for room in the ring, or for the server. */
  *#callOnceReady(call: ServiceCall, records = this.#notes.recordsOf(call)): Coroutine<number> {
    // Names are kept before the answer takes their place in the payload.
    const input = inputOf(call);
    for (;;) {
      if (!(yield* this.#available())) return -E.EIO;
      // Closed meanwhile: its number may be that of another file by now.
      if (records.some(({ uses }) => uses === 0)) return -E.EBADF;
      const args = this.#notes.book.translate(call.number, call.args);
      const sent: ServiceCall = { ...call, args };
      const status = yield* this.connection.call(sent);
      if (status !== LOST) {
        const { transaction = 0 } = sent;
        const result = this.#notes.answered({ call, input, records, transaction }, status);
        if (this.#notes.log.bytes >= MAX_REDO_BYTES && !this.#syncing) yield* this.#relieve();
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
    const closing = this.#notes.closed(call.args[0]);
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
    const { generation } = this.connection;
    try {
      if (yield* this.#recovery.run()) this.#generation = generation;
    } finally {
      // Where the server was lost meanwhile, those who wait have to look what became of it.
      this.#recovered.wakeAll();
    }
  }
}

function makesDurable(number: number): boolean {
  return number === Call.FSYNC || number === Call.FDATASYNC || number === Call.SYNC;
}
