// A file server behind a real ring, for tests of its clients: files are numbers with bytes, requests are
// carried out and answered when the test says so, in any order, and the server can be replaced.
import {
  resetRing,
  ringBytes,
  type RingShape,
  slotBytes,
} from "../../../../hypervisor/ring/layout.ts";
import { type RingRequest, RingServer } from "../../../../hypervisor/ring/server.ts";
import type { ClientContract } from "../../../../../schemas/plan.ts";
import { type Coroutine, finish, Tasks } from "../../../coroutine.ts";
import { E, Errno } from "../../../errno.ts";
import { O } from "../../../vfs/constants.ts";
import { Call, NOWHERE, Private, putWalkResult } from "../../../vfs/protocol.ts";
import { ClientCache } from "../client_cache.ts";
import { Connection } from "../../transport/connection.ts";
import { ContractService } from "../../contract/contract_service.ts";
import { PAGE_BYTES, PagePool } from "../page_pool.ts";

const kernel = { uid: 0, gid: 0, groups: [] };
const CROSSES = -1e9;
const UNPROMISED_BYTES = 2 * PAGE_BYTES;
const silent = { ring: () => false };

/** A request that was taken. */
interface Taken {
  request: RingRequest;
  /** once it was carried out */
  status?: number;
}

export class FilesWorld {
  readonly shape: RingShape;
  nowNs = 0;
  readonly tasks = new Tasks(() => this.nowNs);
  /** how often a server that sleeps would have been woken */
  bells = 0;
  readonly #bell = { ring: () => ++this.bells > 0 };
  readonly connection: Connection;
  readonly cache: ClientCache;
  /** what the server has, by inode */
  readonly files = new Map<number, Uint8Array>();
  /** reads that reached the server, as [inode, offset, bytes] */
  readonly reads: number[][] = [];
  /** inodes whose content changes without a call */
  readonly unsteady = new Set<number>();
  /** most bytes that a write puts into the file; fewer than it has is a full disk */
  roomBytes = Infinity;
  /** what the server takes for certain, and says with each answer */
  spareBytes = 0;
  /** what all files may have together; beyond it a disk is full, and `spareBytes` follows from it */
  diskBytes = Infinity;
  /** what becomes of a write in place of being done: an error number */
  writeError = 0;
  /** what the server has made durable, and up to which transaction */
  readonly #durableFiles = new Map<number, Uint8Array>();
  #transaction = 1;
  #durable = 0;
  /** a page of every file that cannot be read */
  broken = -1;
  /** whether a file that was opened and emptied cannot be opened after all */
  failsOpened = false;
  readonly taken: Taken[] = [];
  #handles: number[] = [];
  #server: RingServer;
  #generation = 1;
  readonly #memory: SharedArrayBuffer;

  /** @param frames pages that the client may keep */
  constructor(frames: number, depth = 16, contract: ClientContract = "retry") {
    const shape = this.shape = { depth, arenaBytes: depth * 32 * PAGE_BYTES };
    const memory = this.#memory = new SharedArrayBuffer(ringBytes(shape));
    resetRing(memory, 1);
    this.connection = new Connection(memory, shape, 1, this.#bell, (reason) => {
      throw new Error(reason);
    });
    const service = this.#contract = new ContractService(this.connection, contract, this.tasks);
    const pool = new PagePool();
    pool.provide(new Uint8Array(frames * PAGE_BYTES));
    this.cache = new ClientCache(service, pool, this.tasks);
    this.#server = this.#start();
    this.#recover = () => service.recover();
  }

  readonly #recover: () => Coroutine<void>;
  readonly #contract: ContractService;

  get slotBytes(): number {
    return slotBytes(this.shape);
  }

  #start(): RingServer {
    return new RingServer(this.#memory, this.shape, this.#generation, silent, (request) => {
      this.taken.push({ request });
    });
  }

  /** Makes what was sent reach the server. */
  arrive(): void {
    this.connection.notify();
    this.#server.poll();
  }

  /** Carries out a request that was taken. */
  carryOut(taken: Taken): void {
    taken.status ??= this.#do(taken.request);
  }

  /** Answers a request that was taken; the client sees it in `see`. */
  answer(taken: Taken): void {
    this.carryOut(taken);
    this.taken.splice(this.taken.indexOf(taken), 1);
    const { slot } = taken.request;
    const spareBytes = this.diskBytes === Infinity ? this.spareBytes : this.#spareOfDisk();
    this.#server.complete(slot, taken.status!, this.#transaction, this.#durable, spareBytes);
    this.#server.publish();
  }

  #usedBytes(): number {
    let used = 0;
    for (const { length } of this.files.values()) used += length;
    return used;
  }

  /** Some is promised to nobody. */
  #spareOfDisk(): number {
    return Math.max(0, this.diskBytes - this.#usedBytes() - UNPROMISED_BYTES);
  }

  /** What there is now is on the disk. */
  makeDurable(): void {
    this.#durableFiles.clear();
    for (const [ino, bytes] of this.files) this.#durableFiles.set(ino, bytes.slice());
  }

  /** The server is replaced by another one, which has what was durable. */
  die(): void {
    this.replace(new Map(this.#durableFiles));
  }

  /** The client takes the answers that there are. */
  see(): void {
    while (this.connection.poll() + this.tasks.runReady() > 0);
  }

  /** Everybody goes on until nobody has anything to do. */
  settle(): void {
    for (;;) {
      this.see();
      this.arrive();
      if (this.taken.length === 0) return;
      while (this.taken.length > 0) this.answer(this.taken[0]);
    }
  }

  /** The server is replaced by another one, which has none of the changes that were not durable: none were. */
  replace(files: Map<number, Uint8Array>): void {
    this.connection.lose("down");
    this.tasks.runReady();
    this.taken.length = 0;
    this.#handles = [];
    this.files.clear();
    for (const [ino, bytes] of files) this.files.set(ino, bytes.slice());
    resetRing(this.#memory, ++this.#generation);
    this.#server = this.#start();
    this.connection.restore(this.#memory, this.#generation, this.#bell);
    this.tasks.spawn(this.#recover());
  }

  /** Begins a call. The status is there once it has come. */
  begin(
    number: number,
    args: number[],
    payload: Uint8Array = new Uint8Array(64),
  ): { status?: number } {
    const result: { status?: number } = {};
    const call = { number, args, credential: kernel, payload };
    const { cache } = this;
    const body = function* () {
      return yield* finish(cache.call(call));
    };
    this.tasks.spawn(body(), (value, failure) => {
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
      result.status = failure instanceof Errno ? -failure.errno : value;
    });
    return result;
  }

  call(number: number, args: number[], payload?: Uint8Array): number {
    const result = this.begin(number, args, payload);
    this.settle();
    return result.status!;
  }

  /** An open file. */
  open(ino: number, flags: number = O.RDWR): number {
    if (!this.files.has(ino)) this.files.set(ino, new Uint8Array(0));
    const handle = this.call(Private.ROOT, [ino]);
    this.call(Private.OPEN, [handle, flags]);
    return handle;
  }

  /** What a read brings that does not cross; undefined where it would, and then it does not happen. */
  held(handle: number, offset: number, length: number): Uint8Array | undefined {
    const into = new Uint8Array(length);
    const call = this.#contract.call;
    this.#contract.call = () => CROSSES;
    try {
      const args = [handle, offset];
      const status = this.cache.call({
        number: Call.PREAD64,
        args,
        credential: kernel,
        payload: into,
      });
      return typeof status === "number" && status >= 0 ? into.subarray(0, status) : undefined;
    } finally {
      this.#contract.call = call;
    }
  }

  read(handle: number, offset: number, length: number): Uint8Array {
    const into = new Uint8Array(length);
    return into.subarray(0, this.call(Call.PREAD64, [handle, offset], into));
  }

  write(handle: number, offset: number, bytes: Uint8Array): number {
    return this.call(Call.PWRITE64, [handle, offset, 0], bytes);
  }

  #give(ino: number, payload: Uint8Array): number {
    const steady = !this.unsteady.has(ino);
    const identity = { mount: 0, ino, generation: 1, mode: 0, flag: false };
    const takesWrites = steady && this.spareBytes > 0;
    putWalkResult(payload, { ...identity, steady, takesWrites, name: "", above: NOWHERE });
    return this.#handles.push(ino) - 1;
  }

  #do({ number, args, payload }: RingRequest): number {
    const ino = this.#handles[args[0]];
    switch (number) {
      case Private.ROOT:
        return this.#give(args[0], payload);
      case Private.REOPEN:
        return this.#give(args[1], payload);
      case Private.CREATE: {
        // The name is the inode, as one byte.
        const named = payload[0];
        if ((args[2] & O.TRUNC) !== 0) this.files.set(named, new Uint8Array(0));
        if (this.failsOpened) return -E.EIO;
        return this.files.has(named) ? this.#give(named, payload) : -E.ENOENT;
      }
      case Private.OPEN:
        if ((args[1] & O.TRUNC) !== 0) this.files.set(ino, new Uint8Array(0));
        return 0;
      case Call.PREAD64: {
        this.reads.push([ino, args[1], payload.length]);
        const bad = this.broken * PAGE_BYTES;
        if (bad >= 0 && args[1] < bad + PAGE_BYTES && bad < args[1] + payload.length) return -E.EIO;
        const bytes = this.files.get(ino)!.subarray(args[1], args[1] + payload.length);
        payload.set(bytes);
        return bytes.length;
      }
      case Call.PWRITE64: {
        const file = this.files.get(ino)!;
        const at = args[2] !== 0 ? file.length : args[1];
        if (this.writeError !== 0) return -this.writeError;
        const most = this.diskBytes - this.#usedBytes() + Math.max(0, file.length - at);
        if (most <= 0) return -E.ENOSPC;
        const bytes = payload.slice(0, Math.min(payload.length, this.roomBytes, most));
        this.files.set(ino, resized(file, Math.max(file.length, at + bytes.length)));
        this.files.get(ino)!.set(bytes, at);
        return bytes.length;
      }
      case Call.LSEEK:
        return this.files.get(ino)!.length + args[1];
      case Call.FSYNC:
      case Call.SYNC:
        this.makeDurable();
        this.#durable = this.#transaction++;
        return 0;
      case Private.RECOVERED:
        return this.#durable;
      case Call.FTRUNCATE:
        this.files.set(ino, resized(this.files.get(ino)!, args[1]));
        return 0;
      case Call.FALLOCATE:
        this.files.get(ino)!.fill(0, args[2], args[2] + args[3]);
        return 0;
      default:
        return 0;
    }
  }
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const other = new Uint8Array(length);
  other.set(bytes.subarray(0, length));
  return other;
}
