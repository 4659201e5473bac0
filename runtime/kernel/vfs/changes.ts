// Calls of the file protocol that change a file system whenever they are done, and what of it. OPEN and CREATE
// change one or not, as their flags say, and are no part of this.
import { Call, Private } from "./protocol.ts";

/**
 * - "name": makes a name that must not be there yet
 * - "names": of directories
 * - "attributes": what its first argument, a handle, says of a file or a directory
 * - "contents": what its first argument, a handle of a file, holds
 * - "opened": the same, where it was opened for writing
 */
export type Change = "name" | "names" | "attributes" | "contents" | "opened";

/** By number of call. */
export const changeOf: ReadonlyMap<number, Change> = new Map<number, Change>([
  [Call.MKNODAT, "name"],
  [Call.MKDIRAT, "name"],
  [Call.SYMLINKAT, "name"],
  [Call.UNLINKAT, "names"],
  [Call.LINKAT, "names"],
  [Call.RENAMEAT2, "names"],
  [Private.UNNAMED, "names"],
  [Call.FTRUNCATE, "contents"],
  [Call.FALLOCATE, "contents"],
  [Call.FCHMOD, "attributes"],
  [Call.FCHOWN, "attributes"],
  [Call.UTIMENSAT, "attributes"],
  [Call.FSETXATTR, "attributes"],
  [Call.FREMOVEXATTR, "attributes"],
  [Private.SET_FLAGS, "attributes"],
  [Call.PWRITE64, "opened"],
]);

/** Whether a call changes no more than a file that is no directory. */
export function changesContents(number: number): boolean {
  const change = changeOf.get(number);
  return change === "contents" || change === "opened";
}
