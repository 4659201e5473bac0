// Decodes the arguments of a system call as the table's `args` says, before the handler runs, and copies out
// what it filled in, after. The handler never sees an address that it has to follow.
import { Access } from "../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import { E, fail } from "../../kernel/errno.ts";
import type { Room } from "../../kernel/process/handler.ts";
import type { Lock } from "../../kernel/process/file/sys_fcntl.ts";
import { futexHasTimeout } from "../../kernel/process/sys_futex.ts";
import { MOST_MESSAGE_BYTES } from "../../kernel/process/ipc/message_queues.ts";
import { semaphoreArgumentBytes } from "../../kernel/process/ipc/semaphores.ts";
import { IOVEC_BYTES, MAX_VECTOR, readVector } from "../../kernel/process/memory/vector.ts";
import { fileHandleBytes } from "../../kernel/process/path/sys_handle.ts";
import { prctlArgument } from "../../kernel/process/sys_prctl.ts";
import { zeros } from "../../kernel/small_arrays.ts";
import { F } from "../../kernel/vfs/constants.ts";
import { PATH_MAX } from "../../kernel/vfs/protocol.ts";
import { ioctlArgument, SIOCGIFCONF } from "./ioctl_arguments.ts";
import {
  interfaceList,
  messageIn,
  messageOut,
  messagesIn,
  messagesOut,
  returned,
} from "./socket_arguments.ts";
import type { UserAccess } from "./user_access.ts";

/** Most bytes that one call transfers; what is left the program asks for again. */
export const MAX_TRANSFER_BYTES = 1 << 20;
const MAX_ARRAY_BYTES = 1 << 20;
const FLOCK_BYTES = 32, OWNER_BYTES = 8;
const FD_SETSIZE = 1024;
/** Of a message's type, before its text. */
const TYPE_BYTES = 8;
const MAX_STRINGS_BYTES = 2 << 20;

/** The six registers of a call: low and high words. */
export type Registers = Int32Array;

/** A signed 64-bit register as a number: exact below 2^53. */
export function signed(registers: Registers, index: number): number {
  return registers[index * 2 + 1] * 2 ** 32 + (registers[index * 2] >>> 0);
}

/** An unsigned 64-bit register as a number: exact below 2^53. */
export function unsigned(registers: Registers, index: number): number {
  return (registers[index * 2 + 1] >>> 0) * 2 ** 32 + (registers[index * 2] >>> 0);
}

/** What is done with a call's result: copies out what the handler filled in. */
export type Finisher = (status: number, access: UserAccess) => void;

export interface Decoded {
  values: unknown[];
  finishers: Finisher[];
  /** views of user memory among the values: their frames are pinned while the call waits */
  views: Uint8Array[];
}

type Decoder = (registers: Registers, index: number, access: UserAccess, out: Decoded) => unknown;

const NOTHING = new Uint8Array(0);

const decoders: Record<string, Decoder> = {
  fd: (registers, index) => registers[index * 2],
  int: (registers, index) => registers[index * 2],
  uint: (registers, index) => registers[index * 2] >>> 0,
  flags: (registers, index) => registers[index * 2],
  mode: (registers, index) => registers[index * 2] >>> 0,
  size: unsigned,
  offset: signed,
  address: unsigned,
  path: (registers, index, access) => access.readText(unsigned(registers, index), PATH_MAX),
  "path?": (registers, index, access) =>
    unsigned(registers, index) === 0
      ? undefined
      : access.readText(unsigned(registers, index), PATH_MAX),
  strings: (registers, index, access) =>
    access.readTexts(unsigned(registers, index), MAX_STRINGS_BYTES),
  bufferIn: (registers, index, access, out) => {
    const length = Math.min(unsigned(registers, index + 1), MAX_TRANSFER_BYTES);
    const address = unsigned(registers, index);
    if (length === 0) return new Uint8Array(0);
    const view = access.view(address, length, Access.READ);
    if (view === undefined) return access.read(address, length);
    out.views.push(view);
    return view;
  },
  bufferOut: (registers, index, access, out) => {
    const length = Math.min(unsigned(registers, index + 1), MAX_TRANSFER_BYTES);
    const address = unsigned(registers, index);
    if (length === 0) return new Uint8Array(0);
    const view = access.view(address, length, Access.WRITE);
    if (view !== undefined) {
      out.views.push(view);
      return view;
    }
    const bytes = new Uint8Array(length);
    out.finishers.push((status, user) => {
      if (status > 0) user.write(address, bytes.subarray(0, status));
    });
    return bytes;
  },
  typedIn: (registers, index, access) =>
    access.read(unsigned(registers, index), TYPE_BYTES + messageBytes(registers, index + 1)),
  typedOut: (registers, index, _access, out) => {
    const length = Math.min(signed(registers, index + 1), MOST_MESSAGE_BYTES);
    if (length < 0) fail(E.EINVAL);
    const bytes = new Uint8Array(TYPE_BYTES + length), address = unsigned(registers, index);
    out.finishers.push((status, user) => {
      if (status >= 0) user.write(address, bytes.subarray(0, TYPE_BYTES + status));
    });
    return bytes;
  },
  bytesOut4096: (registers, index, _access, out) => {
    const length = Math.ceil(unsigned(registers, index - 1) / PAGE_BYTES);
    if (!(length <= MAX_ARRAY_BYTES)) return fail(E.ENOMEM);
    const bytes = new Uint8Array(length), address = unsigned(registers, index);
    // What is asked about is looked at before the place for the answer is.
    out.finishers.push((status, user) => {
      if (status >= 0 && length > 0) user.write(address, bytes);
    });
    return bytes;
  },
  vectorIn: (registers, index, access, out) => {
    const parts = vector(registers, index, access);
    return parts.map(({ address, length }) => {
      const view = length === 0 ? undefined : access.view(address, length, Access.READ);
      if (view === undefined) return access.read(address, length);
      out.views.push(view);
      return view;
    });
  },
  vectorOut: (registers, index, access, out) => {
    const parts = vector(registers, index, access);
    let before = 0;
    return parts.map(({ address, length }) => {
      const start = before;
      before += length;
      const view = length === 0 ? undefined : access.view(address, length, Access.WRITE);
      if (view !== undefined) {
        out.views.push(view);
        return view;
      }
      const bytes = new Uint8Array(length);
      out.finishers.push((status, user) => {
        const filled = Math.min(length, status - start);
        if (filled > 0) user.write(address, bytes.subarray(0, filled));
      });
      return bytes;
    });
  },
  fcntl: (registers, index, access, out) => {
    const command = registers[(index - 1) * 2];
    const isLock = command >= F.GETLK && command <= F.SETLKW ||
      command >= F.OFD_GETLK && command <= F.OFD_SETLKW;
    const address = unsigned(registers, index);
    if (command === F.SETOWN_EX) return access.read(address, OWNER_BYTES);
    if (command === F.GETOWN_EX) return copiedOut(zeros(OWNER_BYTES), address, access, out);
    if (!isLock) return signed(registers, index);
    const bytes = access.read(address, FLOCK_BYTES);
    const view = new DataView(bytes.buffer);
    const lock: Lock = {
      type: view.getInt16(0, true),
      whence: view.getInt16(2, true),
      start: Number(view.getBigInt64(8, true)),
      length: Number(view.getBigInt64(16, true)),
      pid: view.getInt32(24, true),
    };
    if (command === F.GETLK || command === F.OFD_GETLK) {
      access.touch(address, FLOCK_BYTES, Access.WRITE);
      out.finishers.push((status, user) => {
        if (status < 0) return;
        view.setInt16(0, lock.type, true);
        view.setInt16(2, lock.whence, true);
        view.setBigInt64(8, BigInt(lock.start), true);
        view.setBigInt64(16, BigInt(lock.length), true);
        view.setInt32(24, lock.pid, true);
        user.write(address, bytes);
      });
    }
    return lock;
  },
  ioctl: (registers, index, access, out) => {
    const request = registers[(index - 1) * 2] >>> 0;
    if (request === SIOCGIFCONF) return interfaceList(registers, index, access, out);
    const described = ioctlArgument(request);
    if (described === undefined) return signed(registers, index);
    const address = unsigned(registers, index);
    const bytes = described.in
      ? access.read(address, described.bytes)
      : new Uint8Array(described.bytes);
    return described.out ? copiedOut(bytes, address, access, out) : bytes;
  },
  fdset: (registers, index, access, out) => {
    const address = unsigned(registers, index);
    if (address === 0) return undefined;
    const length = Math.ceil(Math.min(Math.max(registers[0], 0), FD_SETSIZE) / 64) * 8;
    return copiedOut(access.read(address, length), address, access, out);
  },
  selectMask: (registers, index, access) => {
    const address = unsigned(registers, index);
    if (address === 0) return undefined;
    const mask = access.readLong(address);
    return mask === 0 ? undefined : access.read(mask, 8);
  },
  fileHandleIn: (registers, index, access) => {
    const address = unsigned(registers, index);
    return access.read(address, fileHandleBytes(access.readWord(address) >>> 0));
  },
  fileHandleOut: (registers, index, access, out) => {
    const address = unsigned(registers, index);
    const handle = access.read(address, fileHandleBytes(access.readWord(address) >>> 0));
    // Who has not enough room is told how much it takes.
    out.finishers.push((status, user) => {
      if (status >= 0 || status === -E.EOVERFLOW) user.write(address, handle);
    });
    return handle;
  },
  returned,
  messageIn,
  messageOut,
  messagesIn,
  messagesOut,
  prctl: (registers, index, access, out) => {
    const kind = prctlArgument(registers[(index - 1) * 2]);
    if (kind === "number") return signed(registers, index);
    const address = unsigned(registers, index);
    if (kind === "text") return access.readText(address, PATH_MAX);
    return copiedOut(new Uint8Array(kind.bytesOut), address, access, out);
  },
  remainingOut16: (registers, index, _access, out) => {
    const address = unsigned(registers, index);
    if (address === 0) return undefined;
    const bytes = zeros(16);
    out.finishers.push((status, user) => {
      if (status === -E.EINTR) user.write(address, bytes);
    });
    return bytes;
  },
  semaphores: (registers, index, access, out) => {
    const sizes = semaphoreArgumentBytes(registers[(index - 1) * 2]);
    const address = unsigned(registers, index);
    const argument = { number: registers[index * 2], bytes: zeros(sizes.out), filled: 0 };
    if (sizes.in > 0) argument.bytes = access.readUpTo(address, sizes.in);
    if (sizes.out > 0) {
      out.finishers.push((status, user) => {
        if (status >= 0) user.write(address, argument.bytes.subarray(0, argument.filled));
      });
    }
    return argument;
  },
  room16: (registers, index, _access, out) => {
    const address = unsigned(registers, index);
    let bytes = NOTHING;
    out.finishers.push((status, user) => {
      if (status > 0) user.write(address, bytes);
    });
    const take = (elements: number) => bytes = zeros(elements * 16);
    const room: Room = { most: registers[(index + 1) * 2], take };
    return room;
  },
  futex: (registers, index, access) => {
    if (!futexHasTimeout(registers[(index - 2) * 2])) return registers[index * 2];
    const address = unsigned(registers, index);
    return address === 0 ? undefined : access.read(address, 16);
  },
};

/** Bytes that are copied out when the call has succeeded. */
function copiedOut(
  bytes: Uint8Array,
  address: number,
  access: UserAccess,
  out: Decoded,
): Uint8Array {
  access.touch(address, bytes.length, Access.WRITE);
  out.finishers.push((status, user) => {
    if (status >= 0) user.write(address, bytes);
  });
  return bytes;
}

/** Bytes of a message's text. @throws Errno EINVAL for more than there may be */
function messageBytes(registers: Registers, index: number): number {
  const length = signed(registers, index);
  return length >= 0 && length <= MOST_MESSAGE_BYTES ? length : fail(E.EINVAL);
}

/** The pieces of a `struct iovec` array, cut where a call ends. @throws Errno EINVAL */
function vector(registers: Registers, index: number, access: UserAccess) {
  const count = signed(registers, index + 1);
  if (!(count >= 0 && count <= MAX_VECTOR)) fail(E.EINVAL);
  const length = count * IOVEC_BYTES;
  const pieces = readVector(access.read(unsigned(registers, index), length, zeros(length)));
  let left = MAX_TRANSFER_BYTES;
  for (const piece of pieces) {
    piece.length = Math.min(piece.length, left);
    left -= piece.length;
  }
  return pieces;
}

/** `structIn16`, `arrayInOut8!` and the like. */
function structured(kind: string): Decoder {
  const match = /^(struct|array)(In|Out|InOut)(Before)?(\d+)(!?)$/.exec(kind);
  if (match === null) throw new Error(`There is no argument kind "${kind}"`);
  const many = match[1] === "array";
  const copiesIn = match[2] !== "Out", copiesOut = match[2] !== "In";
  const unit = Number(match[4]), needed = match[5] === "!";
  const before = match[3] !== undefined, toCount = before ? -1 : 1;
  return (registers, index, access, out) => {
    const address = unsigned(registers, index);
    const count = many ? registers[(index + toCount) * 2] : 1;
    if (!(count >= 0 && count * unit <= MAX_ARRAY_BYTES)) fail(E.EINVAL);
    if (address === 0 && !many) return needed ? fail(E.EFAULT) : undefined;
    const length = count * unit;
    if (length === 0) return new Uint8Array(0);
    const bytes = copiesIn ? access.read(address, length, zeros(length)) : zeros(length);
    if (before && !copiesIn) {
      out.finishers.push((status, user) => {
        if (status > 0) user.write(address, bytes.subarray(0, status * unit));
      });
      return bytes;
    }
    return copiesOut ? copiedOut(bytes, address, access, out) : bytes;
  };
}

/** Kinds that are two arguments: where something is, and how much of it. */
const pairs = new Set(
  ["bufferIn", "bufferOut", "returned", "messagesIn", "messagesOut", "typedIn", "typedOut"].map(
    (kind) => decoders[kind],
  ),
);

/** The decoders of a call's arguments. */
export function argumentDecoders(kinds: string): Decoder[] {
  if (kinds === "") return [];
  return kinds.split(" ").map((kind) => decoders[kind] ?? structured(kind));
}

/** Decodes all arguments. @throws PageNeeded to be called again, Errno EFAULT and others */
export function decodeArguments(
  kinds: Decoder[],
  registers: Registers,
  access: UserAccess,
): Decoded {
  const out: Decoded = { values: [], finishers: [], views: [] };
  for (let index = 0; index < kinds.length; index++) {
    const decoder = kinds[index];
    out.values.push(decoder(registers, index, access, out));
    // A buffer knows its size.
    if (pairs.has(decoder)) index++;
  }
  return out;
}
