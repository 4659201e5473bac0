// A remote file server under its recovery contract. `error`: what was pending or open when it died is
// EIO, new work goes to the new instance. `retry`: calls wait for the new instance, open files come
// back, and acknowledged changes that were not durable are done again, so that programs see a pause.
// A call that was under way and is not safe to repeat is EIO under both.
import { systemCall } from "../../../schemas/syscalls.ts";
import type { ClientContract } from "../../../schemas/plan.ts";
import { type Coroutine, WaitQueue } from "../coroutine.ts";
import { E } from "../errno.ts";
import type { Credential, Service, ServiceCall } from "../service.ts";
import { O } from "../vfs/constants.ts";
import { Call, CONTINUES, getWalkResult, Private } from "../vfs/protocol.ts";
import { type Connection, LOST } from "./connection.ts";
import { HandleBook, type HandleRecord } from "./handle_book.ts";
import { payloadFlow } from "./payload_flow.ts";
import { changes, RedoLog } from "./redo_log.ts";

/** Data that may be acknowledged and not durable: beyond it the server is asked to sync. */
const MAX_REDO_BYTES = 16 << 20;
const kernel: Credential = { uid: 0, gid: 0, groups: [] };
const nothing = new Uint8Array(0);

export class ContractService implements Service {
  readonly #book = new HandleBook();
  readonly #log = new RedoLog();
  readonly #recovered = new WaitQueue();
  /** generation whose handles are in the book */
  #generation: number;
  #syncing = false;
  /** closed by the program, not yet at the server */
  #unclosed: HandleRecord[] = [];

  constructor(private readonly connection: Connection, private readonly contract: ClientContract) {
    this.#generation = connection.generation;
  }

  get transaction(): number {
    return this.connection.transaction;
  }

  get durable(): number {
    return this.connection.durable;
  }

  /** how often the server has been started, as far as calls have noticed */
  get generation(): number {
    return this.connection.state === "up"
      ? this.connection.generation
      : this.connection.generation + 1;
  }

  /** Changes kept in case the server dies. */
  get redoEntries(): number {
    return this.#log.entries.length;
  }

  *call(call: ServiceCall): Coroutine<number> {
    const { number, payload } = call;
    if (payload.length > this.connection.maxPayloadBytes) return yield* this.#callInParts(call);
    if (number === Call.CLOSE) return yield* this.#close(call);
    if (number === Private.HOLD) {
      this.#book.get(call.args[0]).uses++;
      return 0;
    }
    for (;;) {
      if (!(yield* this.#available())) return -E.EIO;
      const args = this.#book.translate(number, call.args);
      const sent = { number, args, credential: call.credential, payload };
      const status = yield* this.connection.call(sent);
      if (status !== LOST) {
        const result = this.#answered(call, sent, status);
        if (this.#log.bytes >= MAX_REDO_BYTES && !this.#syncing) yield* this.#relieve();
        return result;
      }
      if (this.contract !== "retry" || !repeatable(call)) return -E.EIO;
    }
  }

  /** Waits until calls can be sent. @returns false when they cannot: EIO */
  *#available(): Coroutine<boolean> {
    for (;;) {
      if (this.connection.state === "gone") return false;
      if (this.connection.state === "up" && this.#generation === this.connection.generation) {
        return true;
      }
      if (this.contract === "error") return false;
      yield this.connection.state === "up" ? this.#recovered : this.connection.changed;
    }
  }

  /** A transfer larger than a slot is several calls; a short one ends it. */
  *#callInParts(call: ServiceCall): Coroutine<number> {
    const { number, args, credential, payload } = call;
    const part = this.connection.maxPayloadBytes;
    if (number !== Call.PREAD64 && number !== Call.PWRITE64) {
      return yield* this.call({ number, args, credential, payload: payload.subarray(0, part) });
    }
    for (let done = 0; done < payload.length;) {
      const piece = payload.subarray(done, done + part);
      const count = yield* this.call({
        number,
        args: [args[0], args[1] + done, args[2] ?? 0],
        credential,
        payload: piece,
      });
      if (count < 0) return done > 0 ? done : count;
      done += count;
      if (count < piece.length) return done;
    }
    return payload.length;
  }

  #answered(call: ServiceCall, sent: ServiceCall, status: number): number {
    const { number } = call;
    this.#log.trim(this.connection.durable);
    if (status < 0) return status;
    let result = status;
    let made: HandleRecord | undefined;
    let isNew = false;
    if (
      (number === Private.WALK || number === Private.CREATE || number === Private.ROOT) &&
      status !== CONTINUES
    ) {
      const { mount, ino, generation, flag } = getWalkResult(call.payload);
      const flags = number === Private.CREATE ? call.args[2] : -1;
      isNew = number === Private.CREATE && flag;
      result = this.#book.add({ server: status, mount, ino, generation, flags });
      made = this.#book.get(result);
    } else if (number === Private.OPEN) this.#book.get(call.args[0]).flags = call.args[1];
    else if (number === Private.COVER) this.#book.get(call.args[0]).cover = call.args[1];
    else if (number === Call.FCNTL || number === Call.FLOCK) this.#noteLock(call);
    if (this.contract === "retry" && status !== CONTINUES && changes(number, call.args, isNew)) {
      this.#keep(call, sent, made);
    }
    return result;
  }

  #noteLock(call: ServiceCall): void {
    const record = this.#book.get(call.args[0]);
    const args = Array.from(call.args).slice(1);
    const unlocksAll = call.number === Call.FCNTL && args[2] === 2 && args[3] === 0 &&
      args[4] === 0;
    if (unlocksAll) {
      record.locks = record.locks.filter((lock) =>
        lock.number !== Call.FCNTL || lock.args[1] !== args[1]
      );
    } else record.locks.push({ number: call.number, args });
  }

  #keep(call: ServiceCall, sent: ServiceCall, made: HandleRecord | undefined): void {
    const transaction = sent.transaction ?? 0;
    if (transaction <= this.connection.durable) return;
    // Outputs come back in the payload of some calls; a change is repeated from its input only.
    const payload = payloadFlow(call.number) === "in"
      ? call.payload.slice()
      : call.payload.slice(0, inputBytes(call));
    this.#log.add(
      {
        number: call.number,
        args: call.args,
        credential: call.credential,
        payload,
        transaction,
        made,
      },
      (index) => this.#book.get(index),
    );
  }

  /** So much is kept that the server has to make it durable before the caller goes on. */
  *#relieve(): Coroutine<void> {
    this.#syncing = true;
    try {
      yield* this.call({ number: Call.SYNC, args: [], credential: kernel, payload: nothing });
    } finally {
      this.#syncing = false;
    }
  }

  *#close(call: ServiceCall): Coroutine<number> {
    const record = this.#book.drop(call.args[0]);
    if (record === undefined) return 0;
    record.uses = 0;
    this.#unclosed.push(record);
    // A file that may have to be made again keeps its handle until it is durable.
    const needed = new Set(this.#log.entries.map((entry) => entry.made));
    const closing = this.#unclosed.filter((each) => !needed.has(each));
    this.#unclosed = this.#unclosed.filter((each) => needed.has(each));
    for (const { server, dead } of closing) {
      if (server < 0 || dead || !(yield* this.#available())) continue;
      yield* this.connection.call({
        number: Call.CLOSE,
        args: [server],
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
    for (const record of records) record.server = -1;
    if (this.contract === "retry") {
      const recovered = yield* send(Private.RECOVERED, [0]);
      if (recovered === LOST) return;
      this.#log.trim(recovered);
    }
    const born = new Map(
      this.#log.entries.flatMap((entry) =>
        entry.made === undefined ? [] : [[identity(entry.made), entry.made] as const]
      ),
    );
    for (const record of records) {
      if (born.has(identity(record))) continue;
      if (this.contract === "error" && record.flags >= 0) record.dead = true;
      else if (!(yield* this.#reopen(record, send))) return;
    }
    for (const entry of [...this.#log.entries]) if (!(yield* this.#redo(entry, send))) return;
    // A second handle of a file that was made again finds it under its new number.
    for (const record of records) {
      const twin = born.get(identity(record));
      if (record.server >= 0 || record.dead || twin === undefined || twin === record) continue;
      Object.assign(record, { ino: twin.ino, generation: twin.generation });
      if (!(yield* this.#reopen(record, send))) return;
    }
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
    this.#recovered.wakeAll();
  }

  /** @returns false when the server died again */
  *#reopen(record: HandleRecord, send: Send): Coroutine<boolean> {
    const status = yield* send(Private.REOPEN, [
      record.mount,
      record.ino,
      record.generation,
      record.flags,
    ], new Uint8Array(64));
    if (status === LOST) return false;
    record.server = status;
    record.dead = status < 0;
    return true;
  }

  *#redo(
    entry: {
      number: number;
      args: number[];
      handles: Map<number, HandleRecord>;
      payload: Uint8Array;
      credential: Credential;
      made?: HandleRecord;
    },
    send: Send,
  ): Coroutine<boolean> {
    const args = entry.args.slice();
    for (const [index, record] of entry.handles) args[index] = record.server;
    // It may have been there already: then it is opened, not refused.
    if (entry.number === Private.CREATE) args[2] &= ~O.EXCL;
    const payload = entry.made === undefined
      ? entry.payload
      : new Uint8Array(Math.max(64 + entry.payload.length, 512));
    if (entry.made !== undefined) payload.set(entry.payload);
    const status = yield* send(entry.number, args, payload, kernel);
    if (status === LOST) return false;
    if (entry.made !== undefined && status >= 0) {
      const { ino, generation } = getWalkResult(payload);
      Object.assign(entry.made, { server: status, ino, generation, dead: false });
    }
    return true;
  }
}

type Send = (
  number: number,
  args: number[],
  payload?: Uint8Array,
  credential?: Credential,
) => Coroutine<number>;

function identity(record: HandleRecord): string {
  return `${record.mount}:${record.ino}:${record.generation}`;
}

/** Input bytes at the start of a payload that also carries output. */
function inputBytes(call: ServiceCall): number {
  switch (call.number) {
    case Call.SYMLINKAT:
      return call.args[1] + call.args[2];
    case Call.RENAMEAT2:
      return call.args[1] + call.args[3];
    case Call.LINKAT:
      return call.args[2];
    case Call.MKDIRAT:
    case Call.MKNODAT:
    case Call.UNLINKAT:
    case Private.CREATE:
      return call.args[1];
    default:
      return 0;
  }
}

/** Whether a call may be sent again after its server died without an answer. */
function repeatable(call: ServiceCall): boolean {
  switch (call.number) {
    case Private.CREATE:
      return (call.args[2] & O.EXCL) === 0;
    case Call.PWRITE64:
      return call.args[2] === 0 || call.args[2] === undefined;
    case Call.FCNTL:
    case Call.FLOCK:
      return true;
    default:
      return call.number >= Private.NULL ||
        (systemCall(call.number)?.repeat ?? "unsafe") === "safe";
  }
}
