// The one interface between the primary's kernel and whatever serves system calls: a record of
// numbers and one payload. A server in the same domain gets it as a call, one in another domain
// through a ring; neither side can tell.
import type { Blocking } from "./coroutine.ts";

/** Who calls: what permission checks look at. */
export interface Credential {
  uid: number;
  gid: number;
  groups: number[];
  /** the process, where one calls: /proc/self is its own */
  pid?: number;
}

/** A system call on its way to the slice that serves it. */
export interface ServiceCall {
  /** Linux riscv64 number, or one of {@link Private} */
  number: number;
  /** up to six arguments, integers below 2^53; descriptors already replaced by handles of the server */
  args: ArrayLike<number>;
  credential: Credential;
  /**
   * data in (path names, bytes to write) and data out (bytes read, structures), one region for both.
   * The server reads what it needs of the input before it writes output.
   */
  payload: Uint8Array;
  /** set with the answer of a remote server: its running transaction when it completed the call */
  transaction?: number;
}

/** Serves system calls. */
export interface Service {
  /**
   * @returns at least 0, or a negative error number; how many payload bytes are output follows from
   * the call (see the table in schemas/syscalls.ts)
   * @throws Errno as the other way to answer with an error
   */
  call(call: ServiceCall): Blocking<number>;
  /** most payload bytes of one call; undefined where nothing bounds them */
  readonly maxPayloadBytes?: number;
  /** number of the transaction that the newest change belongs to; 0 where there are none */
  readonly transaction: number;
  /** every change of a transaction up to this one is durable */
  readonly durable: number;
  /**
   * bytes that calls under way and those to come may yet put into files that take writes (`takesWrites` in
   * vfs/protocol.ts), whatever else happens; absent where that is not known
   */
  readonly spareBytes?: number;
  /** Told at the end of each turn of the domain: answers what came together in it. */
  endTurn?(): void;
  /** Told that whoever called is gone: answers what waits for something that may never come. */
  abandon?(): void;
}
