// Brings a new instance of a file server to where programs left the old one: opens their files, does again what was
// acknowledged and is not durable, and takes their locks. What programs call meanwhile waits.
import type { ClientContract } from "../../../../schemas/plan.ts";
import type { Coroutine } from "../../coroutine.ts";
import type { ServiceCall } from "../../service.ts";
import { O } from "../../vfs/constants.ts";
import { getWalkResult, Private } from "../../vfs/protocol.ts";
import { makesWithoutHandle } from "./call_input.ts";
import type { ClientNotes } from "./client_notes.ts";
import { type Connection, LOST } from "../transport/connection.ts";
import { type HandleRecord, identity } from "./handle_book.ts";
import type { RedoEntry } from "./redo_log.ts";

/** Room for the identity that calls which make something answer with. */
const IDENTITY_BYTES = 64;
const kernel = { uid: 0, gid: 0, groups: [] };
const nothing = new Uint8Array(0);

export class Recovery {
  constructor(
    private readonly connection: Connection,
    private readonly contract: ClientContract,
    private readonly notes: ClientNotes,
  ) {}

  /** @returns whether the instance that is there has all of it now; false where it died, too */
  *run(): Coroutine<boolean> {
    const { book, log, unclosed } = this.notes, { generation } = this.connection;
    const records = new Set(book.all.filter((record) => !record.dead));
    for (const entry of log.entries) {
      for (const record of entry.handles.values()) records.add(record);
    }
    // A closed file that has become durable is not had again, and has no number any more.
    for (const record of [...records, ...unclosed]) record.server = -1;
    if (this.contract === "retry") {
      const recovered = yield* this.#send(Private.RECOVERED, [0]);
      if (recovered === LOST) return false;
      log.restart(recovered);
    }
    // What a kept change made is not there yet: its handles come back once the change is done again.
    const unborn = new Set(
      log.entries.flatMap((entry) => entry.made === undefined ? [] : [identity(entry.made)]),
    );
    for (const record of records) {
      if (unborn.has(identity(record))) continue;
      if (this.contract === "error" && record.flags >= 0) record.dead = true;
      else if (!(yield* this.#reopen(record))) return false;
    }
    for (const entry of [...log.entries]) {
      for (const record of entry.handles.values()) {
        if (!(yield* this.#reopen(record))) return false;
      }
      if (!(yield* this.#redo(entry, records))) return false;
    }
    for (const record of records) if (!(yield* this.#reopen(record))) return false;
    for (const record of book.all) {
      if (record.dead || record.server < 0) continue;
      if (
        record.cover !== 0 &&
        (yield* this.#send(Private.COVER, [record.server, record.cover])) === LOST
      ) return false;
      for (const lock of record.locks) {
        if ((yield* this.#send(lock.number, [record.server, ...lock.args])) === LOST) return false;
      }
    }
    if ((yield* this.#send(Private.DROP_ORPHANS, [])) === LOST) return false;
    return this.connection.generation === generation;
  }

  #send(number: number, args: number[], payload = nothing): Coroutine<number> {
    return this.connection.call({ number, args, credential: kernel, payload });
  }

  /** Gets a handle again, where there is none yet. @returns false when the server died again */
  *#reopen(record: HandleRecord): Coroutine<boolean> {
    if (record.server >= 0 || record.dead) return true;
    const args = [record.mount, record.ino, record.generation, record.flags];
    const status = yield* this.#send(Private.REOPEN, args, new Uint8Array(64));
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
