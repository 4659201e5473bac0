// What System V IPC objects have in common (svipc(7)): keys, identifiers, owners and permissions.
import { E, fail } from "../../errno.ts";
import { putInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { privileged } from "../sys_identity.ts";

export const IPC = {
  PRIVATE: 0,
  CREAT: 0o1000,
  EXCL: 0o2000,
  NOWAIT: 0o4000,
  /** commands */
  RMID: 0,
  SET: 1,
  STAT: 2,
  INFO: 3,
} as const;
/** Bits of a permission, as in `open`: each of owner, group and others has them. */
export const Permission = { READ: 4, WRITE: 2 } as const;
/** `struct ipc64_perm` */
export const PERMISSION_BYTES = 48;
/** Identifiers have the index in these bits, and above them how often indexes began anew. */
const INDEX_BITS = 15;
const SEQUENCES = 1 << 16;

/** Who made an object, who has it, and who may use it. */
export interface Owned {
  id: number;
  key: number;
  uid: number;
  gid: number;
  cuid: number;
  cgid: number;
  /** nine bits of permissions */
  mode: number;
}

/** An object that remembers when it was made, or its owner changed. */
interface Changed {
  readonly owned: Owned;
  changedSeconds: number;
}

/** Objects of one kind. */
export class IpcTable<T extends { readonly owned: Owned }> {
  readonly #byIndex = new Map<number, T>();
  #lastIndex = -1;
  #sequence = 0;

  /** @param most how many there may be */
  constructor(readonly most: number) {}

  get size(): number {
    return this.#byIndex.size;
  }

  get all(): Iterable<T> {
    return this.#byIndex.values();
  }

  /** The highest index in use; 0 where there is none. */
  get highest(): number {
    return Math.max(0, ...this.#byIndex.keys());
  }

  /**
   * The object of a key.
   * @param fits refuses, by an Errno, one that is there and not what is wanted
   * @param make makes what is not there
   * @returns its identifier. @throws Errno EEXIST, ENOENT, ENOSPC, EACCES
   */
  open(
    process: Process,
    key: number,
    flags: number,
    fits: (object: T) => void,
    make: (owned: Owned) => T,
  ): number {
    if (key !== IPC.PRIVATE) {
      for (const object of this.all) {
        const { owned } = object;
        if (owned.key !== key) continue;
        if ((flags & IPC.CREAT) !== 0 && (flags & IPC.EXCL) !== 0) fail(E.EEXIST);
        // Whoever wants it for anybody, wants it for himself.
        demandAccess(process, owned, (flags >> 6 | flags >> 3 | flags) & 7);
        fits(object);
        return owned.id;
      }
      if ((flags & IPC.CREAT) === 0) fail(E.ENOENT);
    }
    let index = 0;
    while (this.#byIndex.has(index)) index++;
    if (index >= this.most) fail(E.ENOSPC);
    const sequence = index <= this.#lastIndex ? (this.#sequence + 1) % SEQUENCES : this.#sequence;
    const { euid, egid } = process.identity;
    const owned = {
      id: sequence << INDEX_BITS | index,
      key,
      uid: euid,
      gid: egid,
      cuid: euid,
      cgid: egid,
      mode: flags & 0o777,
    };
    const object = make(owned);
    this.#sequence = sequence;
    this.#lastIndex = index;
    this.#byIndex.set(index, object);
    return owned.id;
  }

  /** @throws Errno EINVAL where no object has an identifier */
  find(id: number): T {
    const object = this.at(id & (1 << INDEX_BITS) - 1);
    return object?.owned.id === id ? object : fail(E.EINVAL);
  }

  /**
   * Tells of an object where IPC_STAT, or what a kind has like it, asks about it.
   * @param id an index where the command is of the kind
   * @param tell fills what the caller gets
   * @returns what the call returns; undefined for another command
   * @throws Errno EINVAL, EACCES, and what `tell` throws
   */
  asked(
    process: Process,
    id: number,
    command: number,
    kind: { readonly STAT: number; readonly STAT_ANY: number },
    tell: (object: T) => void,
  ): number | undefined {
    const byIndex = command === kind.STAT || command === kind.STAT_ANY;
    if (!byIndex && command !== IPC.STAT) return undefined;
    const object = byIndex ? this.at(id) ?? fail(E.EINVAL) : this.find(id);
    if (command !== kind.STAT_ANY) demandAccess(process, object.owned, Permission.READ);
    tell(object);
    return byIndex ? object.owned.id : 0;
  }

  /** An object that its owner wants to change. @throws Errno EINVAL, EPERM */
  findOwned(process: Process, id: number): T {
    const object = this.find(id);
    demandOwner(process, object.owned);
    return object;
  }

  at(index: number): T | undefined {
    return this.#byIndex.get(index);
  }

  delete({ owned }: T): void {
    this.#byIndex.delete(owned.id & (1 << INDEX_BITS) - 1);
  }
}

/** @param wanted bits of `Permission` @throws Errno EACCES */
export function demandAccess(process: Process, object: Owned, wanted: number): void {
  if (privileged(process)) return;
  const { euid, egid, groups } = process.identity;
  const inGroup = (gid: number) => gid === egid || groups.includes(gid);
  const shift = euid === object.uid || euid === object.cuid
    ? 6
    : inGroup(object.gid) || inGroup(object.cgid)
    ? 3
    : 0;
  if ((wanted & ~(object.mode >> shift)) !== 0) fail(E.EACCES);
}

/** @throws Errno EPERM for who neither has the object nor made it */
function demandOwner(process: Process, object: Owned): void {
  const { euid } = process.identity;
  if (!privileged(process) && euid !== object.uid && euid !== object.cuid) fail(E.EPERM);
}

/** Fills a `struct ipc64_perm`. */
export function putOwned(bytes: Uint8Array, object: Owned): void {
  const { key, uid, gid, cuid, cgid, mode, id } = object;
  [key, uid, gid, cuid, cgid, mode].forEach((value, index) => putInt(bytes, index * 4, value));
  const sequence = id >>> INDEX_BITS;
  bytes[24] = sequence;
  bytes[25] = sequence >>> 8;
}

/** Takes owner and permissions from a `struct ipc64_perm` (IPC_SET). */
export function setOwned(process: Process, object: Changed, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { owned } = object;
  owned.uid = view.getUint32(4, true);
  owned.gid = view.getUint32(8, true);
  owned.mode = view.getUint32(20, true) & 0o777;
  object.changedSeconds = secondsOf(process);
}

/** The time as these objects keep it: seconds since 1970. */
export function secondsOf({ kernel }: Process): number {
  return Number(kernel.environment.realtimeNs() / 1_000_000_000n);
}
