// Calls of the file protocol that change a file system whenever they are done, and what of it. OPEN and CREATE
// change one or not, as their flags say, and are no part of this.
import { Call, Private } from "./protocol.ts";

/**
 * - "name": makes a name that must not be there yet
 * - "names": of directories
 * - "file": what its first argument, a handle, says of a file, or holds
 * - "opened": the same, of a file that was opened for writing
 */
export type Change = "name" | "names" | "file" | "opened";

/** By number of call. */
export const changeOf: ReadonlyMap<number, Change> = new Map<number, Change>([
  [Call.MKNODAT, "name"],
  [Call.MKDIRAT, "name"],
  [Call.SYMLINKAT, "name"],
  [Call.UNLINKAT, "names"],
  [Call.LINKAT, "names"],
  [Call.RENAMEAT2, "names"],
  [Private.UNNAMED, "names"],
  [Call.FTRUNCATE, "file"],
  [Call.FALLOCATE, "file"],
  [Call.FCHMOD, "file"],
  [Call.FCHOWN, "file"],
  [Call.UTIMENSAT, "file"],
  [Call.FSETXATTR, "file"],
  [Call.FREMOVEXATTR, "file"],
  [Private.SET_FLAGS, "file"],
  [Call.PWRITE64, "opened"],
]);
