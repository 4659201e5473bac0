// What a client keeps of names: the attributes that a path led to, paths that led nowhere or to something mounted, and
// files that were opened by a path and are closed. As with contents, the client is its server's only one, so that every
// change passes here: what it may touch is forgotten when it is sent, and no answer is kept that a change may have
// overtaken. What changes by itself, the server says: only an answer of 1 to `Private.STAT` may be kept, and what leads
// nowhere, or on, where such an answer came from before.
// docs/decisions/2026-11-30-clients-keep-attributes.md has the argument.
import { after } from "../../after.ts";
import { type Blocking, isCoroutine, type Tasks } from "../../coroutine.ts";
import { E, Errno } from "../../errno.ts";
import type { Credential, Service, ServiceCall } from "../../service.ts";
import { changesContents } from "../../vfs/changes.ts";
import {
  Call,
  continuationBytes,
  CONTINUES,
  getBytes,
  Private,
  STEADY_STAT,
} from "../../vfs/protocol.ts";
import { getStatxIno, STATX_BYTES } from "../../vfs/structures.ts";
import { ChangesUnderWay } from "./changes_under_way.ts";
import type { ContractService } from "../contract/contract_service.ts";
import { identity } from "../contract/handle_book.ts";
import { ParkedHandles } from "./parked_handles.ts";
import { changes } from "../contract/redo_log.ts";

/** Paths that something is known of; beyond it all is forgotten. */
const MAX_PATHS = 4096;

const kernel: Credential = { uid: 0, gid: 0, groups: [] };
const nothing = new Uint8Array(0);

/** What a path led to. */
interface Known {
  /** 1, CONTINUES, or a negative error number */
  status: number;
  /** what the payload begins with: `struct statx`, or where the walk goes on; none of a path that led nowhere */
  answer?: Uint8Array;
}

export class KeptAttributes implements Service {
  readonly #known = new Map<string, Known>();
  /** by number of an inode, whatever its file system: the paths that lead there */
  readonly #paths = new Map<number, string[]>();
  /** file systems that nothing but calls of clients changes */
  readonly #steady = new Set<number>();
  readonly #handles = new ParkedHandles();
  readonly #changes = new ChangesUnderWay();
  #generation = -1;
  /** what permission checks look at, as a text */
  readonly #identities = new WeakMap<Credential, string>();

  /**
   * @param server what it is about
   * @param below the way there
   * @param tasks of the domain that calls
   */
  constructor(
    private readonly server: Pick<ContractService, "generation" | "ready" | "record" | "peek">,
    private readonly below: Service,
    private readonly tasks: Tasks,
  ) {}

  get transaction(): number {
    return this.below.transaction;
  }

  get durable(): number {
    return this.below.durable;
  }

  call(call: ServiceCall): Blocking<number> {
    const { number } = call;
    if (number === Call.PREAD64) return this.below.call(call);
    if (number === Private.STAT || number === Private.WALK) return this.#find(call);
    if (number === Call.CLOSE) return this.#close(call);
    if (!changesNames(call)) return this.below.call(call);
    const ino = changesContents(number) ? this.server.record(call.args[0]).ino : undefined;
    if (ino === undefined) this.#forgetAll();
    else this.#forgetFile(ino);
    this.#changes.begin(ino);
    const over = (status: number) => {
      this.#changes.end(ino);
      return status;
    };
    let result: Blocking<number>;
    try {
      result = this.below.call(call);
    } catch (failure) {
      over(0);
      throw failure;
    }
    return isCoroutine(result) ? after(result, this.tasks, over) : over(result);
  }

  #find(call: ServiceCall): Blocking<number> {
    if (!this.#usable()) return this.below.call(call);
    const key = this.#keyOf(call), known = this.#known.get(key);
    if (known !== undefined) {
      if (known.answer !== undefined) call.payload.set(known.answer);
      return known.status;
    }
    const handle = this.#handles.take(key, call.payload);
    if (handle >= 0) return handle;
    const { mount } = this.server.record(call.args[0]);
    const asked = this.#changes.now;
    const keep = (status: number) => {
      if (this.#usable()) this.#keep(key, mount, call, status, asked);
      return status;
    };
    let result: Blocking<number>;
    try {
      result = this.below.call(call);
    } catch (failure) {
      if (failure instanceof Errno) keep(-failure.errno);
      throw failure;
    }
    return isCoroutine(result) ? after(result, this.tasks, keep) : keep(result);
  }

  /** @param asked when the answer was asked for */
  #keep(
    key: string,
    mount: number,
    { number, payload }: ServiceCall,
    status: number,
    asked: number,
  ): void {
    if (!this.#changes.noneSince(asked)) return;
    if (this.#known.size >= MAX_PATHS) this.#forgetAll();
    if (status === -E.ENOENT && this.#steady.has(mount)) this.#known.set(key, { status });
    if (status === CONTINUES && this.#steady.has(mount)) {
      this.#known.set(key, { status, answer: payload.slice(0, continuationBytes(payload)) });
    }
    if (number === Private.WALK && status >= 0 && status !== CONTINUES) {
      const record = this.server.record(status);
      if (this.#changes.noneSince(asked, record.ino)) {
        this.#handles.opened(status, record, key, payload);
      }
    }
    if (number !== Private.STAT || status !== STEADY_STAT) return;
    this.#steady.add(mount);
    const ino = getStatxIno(payload);
    if (!this.#changes.noneSince(asked, ino)) return;
    this.#known.set(key, { status, answer: payload.slice(0, STATX_BYTES) });
    const paths = this.#paths.get(ino);
    if (paths === undefined) this.#paths.set(ino, [key]);
    else paths.push(key);
  }

  #close(call: ServiceCall): Blocking<number> {
    const handle = call.args[0], record = this.server.peek(handle);
    if (record.uses > 1) return this.below.call(call);
    const closing = this.#usable() ? this.#handles.park(handle, record) : handle;
    if (closing < 0) return 0;
    this.#handles.forget(closing);
    return this.below.call(closing === handle ? call : { ...call, args: [closing] });
  }

  /** Closes what is open for nobody. */
  #closeParked(handles: number[]): void {
    for (const handle of handles) {
      const call = { number: Call.CLOSE, args: [handle], credential: kernel, payload: nothing };
      const closed = this.below.call(call);
      if (isCoroutine(closed)) this.tasks.spawn(closed);
    }
  }

  /** Everything that the answer depends on, but for what is on the server. @throws Errno EBADF, EIO */
  #keyOf({ number, args, payload, credential }: ServiceCall): string {
    const place = (handle: number) => identity(this.server.record(handle));
    const root = args[4] < 0 ? "" : place(args[4]);
    const path = getBytes(payload, 0, Math.min(args[1], payload.length));
    const who = this.#identityOf(credential);
    const how = `${number} ${args[2]} ${args[3]} ${args[5] ?? 0}`;
    return `${how} ${who} ${place(args[0])} ${root} ${path}`;
  }

  #identityOf(credential: Credential): string {
    let text = this.#identities.get(credential);
    if (text === undefined) {
      const { uid, gid, groups } = credential;
      this.#identities.set(credential, text = [uid, gid, ...groups].join(","));
    }
    return text;
  }

  /** Whether what is kept is what the server has, which it is while the same instance is there. */
  #usable(): boolean {
    const { generation, ready } = this.server;
    if (this.#generation !== generation) {
      this.#generation = generation;
      this.#changes.anything();
      this.#forgetAll();
    }
    return ready;
  }

  #forgetFile(ino: number): void {
    this.#closeParked(this.#handles.forgetFile(ino));
    if (this.#paths.size === 0) return;
    for (const path of this.#paths.get(ino) ?? []) this.#known.delete(path);
    this.#paths.delete(ino);
  }

  #forgetAll(): void {
    this.#closeParked(this.#handles.forgetAll());
    if (this.#known.size === 0) return;
    this.#known.clear();
    this.#paths.clear();
  }
}

/** Whether a call may change attributes, or where a path leads. */
function changesNames({ number, args }: ServiceCall): boolean {
  // What CREATE makes is known when it is done.
  return number === Private.COVER || changes(number, args, true);
}
