// Flags of files (chattr(1)) that ext4 keeps in its inodes.
import { FL } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";

const OF_ANY = FL.NODUMP | FL.NOATIME;
const OF_FILES = OF_ANY | FL.SECRM | FL.UNRM | FL.COMPR | FL.SYNC | FL.IMMUTABLE | FL.APPEND |
  FL.NOTAIL;
const OF_DIRECTORIES = OF_FILES | FL.DIRSYNC | FL.TOPDIR;
/** Those that a new inode has of its directory. */
const INHERITED = FL.SECRM | FL.UNRM | FL.COMPR | FL.SYNC | FL.NODUMP | FL.NOATIME | FL.NOTAIL |
  FL.DIRSYNC;

/** Flags that may be set and taken away: not data in the journal, nor what would change how a file is stored. */
export function settableFlags(mode: number): number {
  const type = mode & S.IFMT;
  return type === S.IFDIR ? OF_DIRECTORIES : type === S.IFREG ? OF_FILES : OF_ANY;
}

export function inheritedFlags(directoryFlags: number, mode: number): number {
  return directoryFlags & INHERITED & settableFlags(mode);
}
