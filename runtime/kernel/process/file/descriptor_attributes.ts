// What stat(2) tells of a descriptor: a file's server tells of it; pipes, sockets and what else the kernel has are on no
// server, and have few attributes.
import { type Coroutine, finish } from "../../coroutine.ts";
import { fail } from "../../errno.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call } from "../../vfs/protocol.ts";
import { putMount, STATX_BYTES } from "../../vfs/structures.ts";
import { type Description, inodeOf } from "./description.ts";
import { pipeEnd } from "../pipe/pipe.ts";
import type { Process } from "../process.ts";
import { Socket } from "../socket/socket.ts";

const PAGE_BYTES = 4096;
/** STATX_TYPE, STATX_MODE, STATX_NLINK, STATX_UID, STATX_GID, STATX_INO */
const KNOWN = 0x1f | 0x100;
/** Where `struct statx` has them. */
const Statx = { MASK: 0, BLOCK_BYTES: 4, LINKS: 16, MODE: 28, INO: 32 } as const;

function unnamed(description: Description): Uint8Array {
  const type = pipeEnd(description) !== undefined
    ? S.IFIFO
    : description instanceof Socket
    ? S.IFSOCK | 0o177
    : 0;
  const structure = new Uint8Array(STATX_BYTES), view = new DataView(structure.buffer);
  view.setUint32(Statx.MASK, KNOWN, true);
  view.setUint32(Statx.BLOCK_BYTES, PAGE_BYTES, true);
  view.setUint32(Statx.LINKS, 1, true);
  view.setUint16(Statx.MODE, type | 0o600, true);
  view.setBigUint64(Statx.INO, BigInt(inodeOf(description)), true);
  return structure;
}

/** @returns `struct statx` @throws Errno EBADF, and what the file's server says */
export function* descriptorAttributes(process: Process, fd: number): Coroutine<Uint8Array> {
  const description = process.description(fd);
  if (!("location" in description)) return unnamed(description);
  const structure = new Uint8Array(STATX_BYTES);
  const file = process.file(fd);
  const status = yield* finish(file.call(Call.STATX, [], structure));
  if (status < 0) fail(-status);
  putMount(structure, file.location.mount);
  return structure;
}
