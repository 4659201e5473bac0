// What a client notes of the answers of a file server, so that another instance can be brought to where this one
// was: handles and what is known of them, and changes that are not durable.
import type { ClientContract } from "../../../../schemas/plan.ts";
import type { ServiceCall } from "../../service.ts";
import { Call, CONTINUES, getWalkResult, Private } from "../../vfs/protocol.ts";
import { makesWithoutHandle } from "./call_input.ts";
import type { Connection } from "../transport/connection.ts";
import { HandleBook, type HandleRecord, ofSameFile, recordOf } from "./handle_book.ts";
import { noteLock } from "./held_locks.ts";
import type { KeptBytes } from "./kept_bytes.ts";
import { payloadFlow } from "../transport/payload_flow.ts";
import { changes, concernsHandles, RedoLog } from "./redo_log.ts";

const NO_RECORDS: HandleRecord[] = [];

/** A call that was answered. */
export interface AnsweredCall {
  readonly call: ServiceCall;
  /** what it carried in the part of its payload that the answer has taken */
  readonly input: Uint8Array;
  /** of its handles, where something is noted of them */
  readonly records: HandleRecord[];
  /** the payload, where somebody waits to have it back */
  readonly kept?: KeptBytes;
  /** of the server, which it was done in */
  readonly transaction: number;
}

/** Calls that answer with a handle. */
function givesHandle(number: number): boolean {
  return number === Private.WALK || number === Private.CREATE || number === Private.ROOT ||
    number === Private.UNNAMED || number === Private.INODE;
}

export class ClientNotes {
  readonly book = new HandleBook();
  readonly log = new RedoLog();
  /** closed by the program, not yet at the server */
  unclosed: HandleRecord[] = [];
  /** how many changes were durable when those were last looked at */
  #lastLook = 0;

  constructor(
    private readonly connection: Pick<Connection, "durable">,
    private readonly contract: ClientContract,
  ) {}

  /** Who the handles of a call are, where that will be asked for: they may be closed before its answer. */
  recordsOf({ number, args }: ServiceCall): HandleRecord[] {
    return concernsHandles(number) ? this.book.recordsOf(number, args) : NO_RECORDS;
  }

  /**
   * Notes what the answer to a call says, where something is to be noted of it.
   * @param status of the server @returns the status for the program: a handle is one of the client's
   */
  answered(answered: AnsweredCall, status: number): number {
    const { call, records } = answered, { number } = call;
    this.log.trim(this.connection.durable);
    if (status < 0) {
      answered.kept?.release();
      return status;
    }
    let result = status;
    let made: HandleRecord | undefined;
    let isNew = false;
    if (
      givesHandle(number) && status !== CONTINUES
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
      result = this.book.add({ server, mount, ino, generation, flags, steady, takesWrites });
      made = this.book.get(result);
    } else if (this.contract === "retry" && makesWithoutHandle(number)) {
      const { mount, ino, generation } = getWalkResult(call.payload);
      const unheld = { server: -1, flags: -1, steady: false, takesWrites: false };
      made = recordOf({ ...unheld, mount, ino, generation }, 0);
    } else if (number === Private.OPEN) records[0].flags = call.args[1];
    else if (number === Private.COVER) records[0].cover = call.args[1];
    else if (number === Call.FCNTL || number === Call.FLOCK) noteLock(call, records[0]);
    else if (number === Private.SET_FLAGS) this.#awaitWrites(records[0]);
    if (this.contract === "retry" && status !== CONTINUES && changes(number, call.args, isNew)) {
      this.#keep(answered, made);
    }
    return result;
  }

  /** A file's new flags may refuse writes. */
  #awaitWrites(record: HandleRecord): void {
    for (const each of this.book.all) if (ofSameFile(each, record)) each.takesWrites = false;
  }

  #keep(
    { call, transaction, input, records, kept }: AnsweredCall,
    made: HandleRecord | undefined,
  ): void {
    if (transaction <= this.connection.durable) return void kept?.release();
    if (payloadFlow(call.number) === "in") kept ??= this.log.buffers.copy(call.payload);
    const payload = kept?.bytes ?? input;
    this.log.add(
      {
        number: call.number,
        args: call.args,
        credential: call.credential,
        payload,
        kept,
        transaction,
        made,
      },
      records,
    );
  }

  /** A program closes a handle. @returns those that the server is to close now @throws Errno EBADF */
  closed(handle: number): HandleRecord[] {
    const record = this.book.drop(handle);
    if (record === undefined) return [];
    record.uses = 0;
    // A file that may have to be made again keeps its handle until it is durable.
    const closing = this.log.needs(record) ? [] : [record];
    if (closing.length === 0) this.unclosed.push(record);
    if (this.unclosed.length > 0 && this.#lastLook !== this.log.durableEntries) {
      this.#lastLook = this.log.durableEntries;
      const needed = this.unclosed;
      this.unclosed = [];
      for (const each of needed) (this.log.needs(each) ? this.unclosed : closing).push(each);
    }
    return closing;
  }
}
