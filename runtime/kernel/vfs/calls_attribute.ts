// Calls about extended attributes (xattr(7)): who may see and change which, and what the file system keeps.
import { type Coroutine, finish } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { Credential, ServiceCall } from "../service.ts";
import {
  type AccessList,
  type AccessLists,
  decodeAccessList,
  encodeAccessList,
  listNames,
  modeWith,
  saysMore,
} from "./access_list.ts";
import { ACCESS, FL, XATTR } from "./constants.ts";
import { type Inode, S } from "./filesystem.ts";
import { allowedMode, demand, demandOwner, demandUnmarked } from "./permission.ts";
import { Call, putBytes } from "./protocol.ts";
import { type FileCall, type FileServer, nameArgument } from "./vfs.ts";
import { isDirectory, isSymlink } from "./walk.ts";

/** Lengths of a name and of a value, at most. */
const NAME_MAX = 255, VALUE_MAX = 65536;

/** An inode whose file system has attributes. @throws Errno EOPNOTSUPP */
function withAttributes(server: FileServer, call: ServiceCall): Required<Attributed> & Inode {
  const { inode } = server.handles.get(call.args[0]);
  if (inode.listAttributes === undefined) fail(E.EOPNOTSUPP);
  return inode as Required<Attributed> & Inode;
}

type Attributed = Pick<Inode, "getAttribute" | "setAttribute" | "listAttributes">;

/** Which access control list a call is about, if it is about one. */
function listOf(call: ServiceCall): keyof AccessLists | undefined {
  const [, length] = Array.from(call.args);
  return length <= NAME_MAX ? listNames[nameArgument(call, 0, length, NAME_MAX)] : undefined;
}

/** An inode that can have access control lists. @throws Errno EOPNOTSUPP */
function withLists(inode: Inode): Inode & Required<Pick<Inode, "accessLists" | "setAccessLists">> {
  const { accessLists, setAccessLists } = inode;
  if (accessLists === undefined || setAccessLists === undefined || isSymlink(inode)) {
    return fail(E.EOPNOTSUPP);
  }
  return inode as ReturnType<typeof withLists>;
}

/** Gives a file an access control list, or takes it away; the mode goes with it. @throws Errno EPERM, EACCES, EROFS */
function* setList(
  inode: Inode,
  which: keyof AccessLists,
  list: AccessList | undefined,
  credential: Credential,
): Coroutine<number> {
  const listed = withLists(inode), { attributes, filesystem, accessLists } = listed;
  if (filesystem.readOnly) fail(E.EROFS);
  demandUnmarked(inode, FL.IMMUTABLE | FL.APPEND);
  demandOwner(attributes, credential);
  const lists: { -readonly [Which in keyof AccessLists]: AccessList } = { ...accessLists };
  delete lists[which];
  let { mode } = attributes;
  if (which === "inherited") {
    if (list !== undefined && !isDirectory(inode)) fail(E.EACCES);
    if (list !== undefined) lists.inherited = list;
  } else if (list !== undefined) {
    mode = modeWith(list, mode);
    mode = mode & S.IFMT | allowedMode(attributes, credential, mode);
    if (saysMore(list)) lists.access = list;
  }
  yield* finish(listed.setAccessLists(lists, mode));
  return 0;
}

/** The name of an attribute. @throws Errno ERANGE, EINVAL for a namespace alone, EOPNOTSUPP for an unknown one */
function attributeName(call: ServiceCall): string {
  if (call.args[1] === 0 || call.args[1] > NAME_MAX) fail(E.ERANGE);
  const name = nameArgument(call, 0, call.args[1], NAME_MAX);
  const known = ["user.", "trusted.", "security."].find((prefix) => name.startsWith(prefix));
  if (known === undefined) fail(E.EOPNOTSUPP);
  if (name === known) fail(E.EINVAL);
  return name;
}

/** @throws Errno EPERM, EACCES, and ENODATA for what the caller may not know of */
function demandAttribute(inode: Inode, name: string, credential: Credential, write: boolean): void {
  const { attributes } = inode;
  if (write && inode.filesystem.readOnly) fail(E.EROFS);
  if (write) demandUnmarked(inode, FL.IMMUTABLE | FL.APPEND);
  if (name.startsWith("trusted.")) {
    if (credential.uid !== 0) fail(write ? E.EPERM : E.ENODATA);
    return;
  }
  if (name.startsWith("security.")) {
    if (write && credential.uid !== 0) fail(E.EPERM);
    return;
  }
  const type = attributes.mode & S.IFMT;
  if (type !== S.IFREG && type !== S.IFDIR) fail(write ? E.EPERM : E.ENODATA);
  const sticky = isDirectory(inode) && (attributes.mode & S.ISVTX) !== 0;
  if (write && sticky) demandOwner(attributes, credential);
  demand(inode, credential, write ? ACCESS.WRITE : ACCESS.READ);
}

/** Puts as much as was asked for; with size 0 only tells how much there is. @throws Errno ERANGE */
function answer(call: ServiceCall, size: number, value: Uint8Array): number {
  if (size === 0) return value.length;
  if (value.length > size) fail(E.ERANGE);
  if (value.length > call.payload.length) fail(E.EFAULT);
  call.payload.set(value);
  return value.length;
}

function* get(server: FileServer, call: ServiceCall): Coroutine<number> {
  const which = listOf(call);
  if (which !== undefined) {
    const { accessLists } = withLists(server.handles.get(call.args[0]).inode);
    return answer(call, call.args[2], encodeAccessList(accessLists[which] ?? fail(E.ENODATA)));
  }
  const inode = withAttributes(server, call);
  const name = attributeName(call);
  demandAttribute(inode, name, call.credential, false);
  const value = yield* finish(inode.getAttribute(name));
  return answer(call, call.args[2], value ?? fail(E.ENODATA));
}

function* set(server: FileServer, call: ServiceCall): Coroutine<number> {
  const [handle, length, size, flags] = Array.from(call.args);
  const which = listOf(call);
  if (which !== undefined) {
    if (!(size >= 0) || length + size > call.payload.length) fail(E.E2BIG);
    const list = decodeAccessList(call.payload.slice(length, length + size));
    return yield* setList(server.handles.get(handle).inode, which, list, call.credential);
  }
  const inode = withAttributes(server, call);
  const name = attributeName(call);
  if (size > VALUE_MAX) fail(E.E2BIG);
  if ((flags & ~(XATTR.CREATE | XATTR.REPLACE)) !== 0) fail(E.EINVAL);
  // More than a ring carries is more than any file system keeps.
  if (!(size >= 0) || length + size > call.payload.length) fail(E.ENOSPC);
  const value = call.payload.slice(length, length + size);
  demandAttribute(inode, name, call.credential, true);
  const old = yield* finish(inode.getAttribute(name));
  if (old !== undefined && (flags & XATTR.CREATE) !== 0) fail(E.EEXIST);
  if (old === undefined && (flags & XATTR.REPLACE) !== 0) fail(E.ENODATA);
  yield* finish(inode.setAttribute(name, value));
  return 0;
}

function* list(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode } = server.handles.get(call.args[0]);
  const all = inode.listAttributes === undefined ? [] : yield* finish(inode.listAttributes());
  const root = call.credential.uid === 0, lists = inode.accessLists ?? {};
  const names = all.filter((name) =>
    listNames[name] === undefined && (root || !name.startsWith("trusted."))
  );
  for (const [name, which] of Object.entries(listNames)) {
    if (lists[which] !== undefined) names.push(name);
  }
  const text = names.map((name) => `${name}\0`).join("");
  const bytes = new Uint8Array(text.length);
  putBytes(text, bytes);
  return answer(call, call.args[1], bytes);
}

function* remove(server: FileServer, call: ServiceCall): Coroutine<number> {
  const which = listOf(call);
  if (which !== undefined) {
    const { inode } = server.handles.get(call.args[0]);
    return yield* setList(inode, which, undefined, call.credential);
  }
  const inode = withAttributes(server, call);
  const name = attributeName(call);
  demandAttribute(inode, name, call.credential, true);
  if ((yield* finish(inode.getAttribute(name))) === undefined) fail(E.ENODATA);
  yield* finish(inode.setAttribute(name, undefined));
  return 0;
}

export const attributeCalls: Record<number, FileCall> = {
  [Call.FGETXATTR]: get,
  [Call.FSETXATTR]: set,
  [Call.FLISTXATTR]: list,
  [Call.FREMOVEXATTR]: remove,
};
