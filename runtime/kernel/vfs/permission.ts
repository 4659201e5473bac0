// Who may do what with a file (path_resolution(7), credentials(7)): owner, group, others, or whom a list names;
// root may all but execute what nobody may.
import { E, fail } from "../errno.ts";
import type { Credential } from "../service.ts";
import { grants } from "./access_list.ts";
import { ACCESS, FL } from "./constants.ts";
import { type Attributes, type Inode, S } from "./filesystem.ts";

type Owned = Pick<Attributes, "mode" | "uid" | "gid">;

function inGroup(credential: Credential, gid: number): boolean {
  return credential.gid === gid || credential.groups.includes(gid);
}

/** Whether all of `mask` (ACCESS bits) is allowed. */
function permits(inode: Inode, credential: Credential, mask: number): boolean {
  const { attributes, accessLists } = inode, { mode } = attributes;
  if (credential.uid === 0) {
    const directory = (mode & S.IFMT) === S.IFDIR;
    return (mask & ACCESS.EXECUTE) === 0 || directory || (mode & 0o111) !== 0;
  }
  const owns = credential.uid === attributes.uid;
  // As on Linux, a list whose mask takes everything away does not count.
  if (!owns && accessLists?.access !== undefined && (mode & 0o070) !== 0) {
    return grants(accessLists.access, attributes, credential, mask);
  }
  const shift = owns ? 6 : inGroup(credential, attributes.gid) ? 3 : 0;
  return (mode >> shift & mask) === mask;
}

/** @throws Errno EACCES, EPERM where an immutable file would be changed */
export function demand(inode: Inode, credential: Credential, mask: number): void {
  if ((mask & ACCESS.WRITE) !== 0) demandUnmarked(inode, FL.IMMUTABLE);
  if (!permits(inode, credential, mask)) fail(E.EACCES);
}

/** @throws Errno EPERM where an inode has one of the flags (`FL`) */
export function demandUnmarked({ flags = 0 }: Inode, marks: number): void {
  if ((flags & marks) !== 0) fail(E.EPERM);
}

/** @throws Errno EPERM unless the caller owns the file or is root */
export function demandOwner(attributes: Owned, credential: Credential): void {
  if (credential.uid !== 0 && credential.uid !== attributes.uid) fail(E.EPERM);
}

/** In a sticky directory only the owners may remove a name. @throws Errno EPERM */
export function demandSticky(directory: Owned, victim: Owned, credential: Credential): void {
  if ((directory.mode & S.ISVTX) === 0 || credential.uid === 0) return;
  if (credential.uid !== directory.uid && credential.uid !== victim.uid) fail(E.EPERM);
}

/** The mode that chmod may set: a group that the caller is not in loses set-group-id. */
export function allowedMode(attributes: Owned, credential: Credential, mode: number): number {
  const permission = mode & 0o7777;
  return credential.uid !== 0 && !inGroup(credential, attributes.gid)
    ? permission & ~S.ISGID
    : permission;
}

/** @throws Errno EPERM unless chown may do this */
export function demandChown(
  attributes: Owned,
  credential: Credential,
  uid: number,
  gid: number,
): void {
  if (credential.uid === 0) return;
  const keepsOwner = uid === attributes.uid;
  if (
    !keepsOwner || credential.uid !== attributes.uid ||
    gid !== attributes.gid && !inGroup(credential, gid)
  ) fail(E.EPERM);
}
