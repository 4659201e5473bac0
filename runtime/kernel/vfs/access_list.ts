// POSIX access control lists (acl(5)): what they say, how they go with the mode, and how a directory hands them
// on. Programs see them as extended attributes; file systems keep them in a form of their own.
import { E, fail } from "../errno.ts";
import type { Credential } from "../service.ts";
import { type Attributes, S } from "./filesystem.ts";

/** Whom an entry is about. */
export const Tag = { OWNER: 1, USER: 2, GROUP_OWNER: 4, GROUP: 8, MASK: 16, OTHER: 32 } as const;

export interface AccessEntry {
  tag: number;
  /** bits of `ACCESS` */
  permissions: number;
  /** user or group; {@link NO_ID} where the tag says it all */
  id: number;
}

/** Sorted: the owner, users, the owning group, groups, the mask, others. */
export type AccessList = readonly AccessEntry[];

/** The lists of an inode: who may do what with it, and what is handed on in a directory. */
export interface AccessLists {
  readonly access?: AccessList;
  readonly inherited?: AccessList;
}

/** The attributes as which programs see the lists. */
export const listNames: Readonly<Record<string, keyof AccessLists>> = {
  "system.posix_acl_access": "access",
  "system.posix_acl_default": "inherited",
};

export const NO_ID = 0xffff_ffff;
/** Those of an inode that has none. */
export const NO_LISTS: AccessLists = {};
const VERSION = 2, HEADER_BYTES = 4, ENTRY_BYTES = 8;
const ALL = 7;
/** In which order tags come; those of users and groups may come several times. */
const ORDER: number[] = [Tag.OWNER, Tag.USER, Tag.GROUP_OWNER, Tag.GROUP, Tag.MASK, Tag.OTHER];
const NEEDED: number[] = [Tag.OWNER, Tag.GROUP_OWNER, Tag.OTHER];

/** Whether an entry names somebody. */
export function names({ tag }: AccessEntry): boolean {
  return tag === Tag.USER || tag === Tag.GROUP;
}

/** Whether entries are a list. */
export function isAccessList(list: AccessList): boolean {
  let place = 0;
  for (const entry of list) {
    const its = ORDER.indexOf(entry.tag);
    if (its < place || (entry.permissions & ~ALL) !== 0) return false;
    if (names(entry) && entry.id === NO_ID) return false;
    place = names(entry) ? its : its + 1;
  }
  const has = (tag: number) => list.some((entry) => entry.tag === tag);
  return NEEDED.every(has) && (has(Tag.MASK) || !list.some(names));
}

/**
 * The list that an attribute says (`struct posix_acl_xattr_header`).
 * @returns undefined for one without entries, which takes a list away
 * @throws Errno EINVAL, EOPNOTSUPP for another version
 */
export function decodeAccessList(bytes: Uint8Array): AccessList | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes.length < HEADER_BYTES) fail(E.EINVAL);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== VERSION) fail(E.EOPNOTSUPP);
  if ((bytes.length - HEADER_BYTES) % ENTRY_BYTES !== 0) fail(E.EINVAL);
  const list: AccessEntry[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const tag = view.getUint16(at, true), permissions = view.getUint16(at + 2, true);
    const id = tag === Tag.USER || tag === Tag.GROUP ? view.getUint32(at + 4, true) : NO_ID;
    list.push({ tag, permissions, id });
  }
  if (list.length === 0) return undefined;
  return isAccessList(list) ? list : fail(E.EINVAL);
}

/** A list as an attribute. */
export function encodeAccessList(list: AccessList): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + list.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, VERSION, true);
  list.forEach(({ tag, permissions, id }, index) => {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, permissions, true);
    view.setUint32(at + 4, id, true);
  });
  return bytes;
}

/** The entry that the group bits of the mode are: the mask, or the owning group where there is none. */
function groupClass(list: AccessList): number {
  return list.some(({ tag }) => tag === Tag.MASK) ? Tag.MASK : Tag.GROUP_OWNER;
}

/** Where the permissions of an entry are in the mode; -1 where they are not. */
function shiftOf(tag: number, list: AccessList): number {
  if (tag === Tag.OWNER) return 6;
  if (tag === Tag.OTHER) return 0;
  return tag === groupClass(list) ? 3 : -1;
}

/** The mode that goes with a list. */
export function modeWith(list: AccessList, mode: number): number {
  let bits = 0;
  for (const { tag, permissions } of list) {
    const shift = shiftOf(tag, list);
    if (shift >= 0) bits |= permissions << shift;
  }
  return mode & ~0o777 | bits;
}

/** The list that goes with a mode. @param least permissions stay only where both have them */
function listWith(list: AccessList, mode: number, least: boolean): AccessList {
  return list.map((entry) => {
    const shift = shiftOf(entry.tag, list);
    if (shift < 0) return entry;
    const bits = mode >> shift & ALL;
    return { ...entry, permissions: least ? entry.permissions & bits : bits };
  });
}

/** What the lists are once the mode is another (chmod(2)). */
export function listsAfterChmod(lists: AccessLists, mode: number): AccessLists {
  return lists.access === undefined
    ? lists
    : { ...lists, access: listWith(lists.access, mode, false) };
}

/** Whether a list says more than the mode. */
export function saysMore(list: AccessList): boolean {
  return list.some((entry) => names(entry) || entry.tag === Tag.MASK);
}

/**
 * What a new inode gets of its directory (acl(5), "object creation").
 * @param mode as asked for, with its type @param umask counts where the directory hands nothing on
 */
export function bequeathed(
  { inherited }: AccessLists = NO_LISTS,
  mode: number,
  umask: number,
): { mode: number; lists: AccessLists } {
  if (inherited === undefined) return { mode: mode & ~umask, lists: NO_LISTS };
  const own = listWith(inherited, mode, true);
  return {
    mode: modeWith(own, mode),
    lists: {
      ...saysMore(own) && { access: own },
      ...(mode & S.IFMT) === S.IFDIR && { inherited },
    },
  };
}

/** Whether a list allows all of `mask` to somebody who is not the owner (acl(5), "access check algorithm"). */
export function grants(
  list: AccessList,
  { gid: owningGroup }: Pick<Attributes, "gid">,
  { uid, gid, groups }: Credential,
  mask: number,
): boolean {
  const most = list.find(({ tag }) => tag === Tag.MASK)?.permissions ?? ALL;
  const user = list.find((entry) => entry.tag === Tag.USER && entry.id === uid);
  if (user !== undefined) return (user.permissions & most & mask) === mask;
  const mine = list.filter(({ tag, id }) => {
    if (tag !== Tag.GROUP && tag !== Tag.GROUP_OWNER) return false;
    const group = tag === Tag.GROUP ? id : owningGroup;
    return group === gid || groups.includes(group);
  });
  if (mine.length > 0) return mine.some(({ permissions }) => (permissions & most & mask) === mask);
  return (list.find(({ tag }) => tag === Tag.OTHER)!.permissions & mask) === mask;
}
