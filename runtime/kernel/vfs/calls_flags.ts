// Calls about flags of files (FS_IOC_GETFLAGS(2const)): who may see and change them.
import { type Coroutine, finish } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { ServiceCall } from "../service.ts";
import { FL } from "./constants.ts";
import { type Inode, S } from "./filesystem.ts";
import { demandOwner } from "./permission.ts";
import { Private } from "./protocol.ts";
import type { FileCall, FileServer } from "./vfs.ts";

/** What nobody sees: a file system's notes to itself. */
const TOLD = 0x725b_dfff;
/** Only root decides about these. */
const MARKS = FL.IMMUTABLE | FL.APPEND;

type Flagged = Inode & Required<Pick<Inode, "flags" | "setFlags">>;

/** An inode that has flags. @throws Errno ENOTTY */
function withFlags(server: FileServer, call: ServiceCall): Flagged {
  const { inode } = server.handles.get(call.args[0]);
  const type = inode.attributes.mode & S.IFMT;
  if (type !== S.IFREG && type !== S.IFDIR || inode.setFlags === undefined) fail(E.ENOTTY);
  return inode as Flagged;
}

function get(server: FileServer, call: ServiceCall): number {
  return withFlags(server, call).flags & TOLD;
}

/** @throws Errno ENOTTY, EROFS, EPERM, EOPNOTSUPP */
function* set(server: FileServer, call: ServiceCall): Coroutine<number> {
  const inode = withFlags(server, call), flags = call.args[1];
  if (inode.filesystem.readOnly) fail(E.EROFS);
  demandOwner(inode.attributes, call.credential);
  if ((flags & ~TOLD) !== 0) fail(E.EOPNOTSUPP);
  const change = (inode.flags ^ flags) & TOLD;
  if ((change & MARKS) !== 0 && call.credential.uid !== 0) fail(E.EPERM);
  const stays = (inode.flags & flags & FL.IMMUTABLE) !== 0;
  if (stays && change !== 0) fail(E.EPERM);
  yield* finish(inode.setFlags(inode.flags ^ change));
  return 0;
}

export const flagCalls: Record<number, FileCall> = {
  [Private.FLAGS]: get,
  [Private.SET_FLAGS]: set,
};
