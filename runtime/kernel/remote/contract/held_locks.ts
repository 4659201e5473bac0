// The locks that programs hold through a handle, as the calls that take them again on another instance.
import { F, LOCK } from "../../vfs/constants.ts";
import type { ServiceCall } from "../../service.ts";
import { Call } from "../../vfs/protocol.ts";
import type { HandleRecord, LockCall } from "./handle_book.ts";

/** Notes what a call that was granted has done to the locks of its handle. */
export function noteLock(call: ServiceCall, record: HandleRecord): void {
  const args = Array.from(call.args).slice(1);
  if (call.number === Call.FCNTL && args[0] === F.GETLK) return;
  record.locks = withLock(record.locks, { number: call.number, args });
}

const F_UNLCK = 2;

/** The locks that an owner holds after one more call, as few calls as bring them about. */
function withLock(locks: LockCall[], added: LockCall): LockCall[] {
  const rest = locks.filter((lock) => !supersedes(added, lock));
  const unlocks = added.number === Call.FLOCK
    ? (added.args[0] & LOCK.UN) !== 0
    : added.args[2] === F_UNLCK;
  const needed = !unlocks || rest.some((lock) =>
    lock.number === added.number &&
    lock.number === Call.FCNTL && lock.args[1] === added.args[1]
  );
  return needed ? [...rest, added] : rest;
}

/** Whether nothing of an earlier lock call is left after a later one of the same owner. */
function supersedes(later: LockCall, earlier: LockCall): boolean {
  if (later.number !== earlier.number || later.args[1] !== earlier.args[1]) return false;
  if (later.number === Call.FLOCK) return true;
  const end = ([, , , start, length]: number[]) => length === 0 ? Infinity : start + length;
  return later.args[3] <= earlier.args[3] && end(later.args) >= end(earlier.args);
}
