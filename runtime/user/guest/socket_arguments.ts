// Decodes what calls on sockets point to: addresses and options with their lengths, and `struct msghdr`
// (recvmsg(2)), 56 bytes: name 0, its length 8, pieces 16, how many 24, control 32, its length 40, flags 48.
import { Access } from "../../hardware/hart/engine.ts";
import { E, fail } from "../../kernel/errno.ts";
import { getInt, getLong, putInt, putLong } from "../../kernel/process/little_endian.ts";
import type {
  ReceivedMessage,
  Returned,
  SentMessage,
} from "../../kernel/process/socket/sys_socket.ts";
import { type Decoded, type Registers, signed, unsigned } from "./arguments.ts";
import type { UserAccess } from "./user_access.ts";

const HEADER_BYTES = 56;
/** `struct mmsghdr`: a header, and how many bytes went. */
const NUMBERED_BYTES = 64;
const MAX_ADDRESS_BYTES = 128;
const MAX_PIECES = 1024;
const MAX_CONTROL_BYTES = 65_536;
const MAX_MESSAGES = 1024;
const MAX_TRANSFER_BYTES = 1 << 20;
const none = new Uint8Array(0);

/** An address, and a pointer to the room for what comes back, which is then set to its length. */
export function returned(
  registers: Registers,
  index: number,
  access: UserAccess,
  out: Decoded,
): Returned {
  const address = unsigned(registers, index), lengthAt = unsigned(registers, index + 1);
  if (address === 0) return { room: 0 };
  const room = getInt(access.read(lengthAt, 4), 0);
  if (room < 0) fail(E.EINVAL);
  const result: Returned = { room };
  access.touch(lengthAt, 4, Access.WRITE);
  out.finishers.push((status, user) => {
    const { bytes } = result;
    if (status < 0 || bytes === undefined) return;
    const count = Math.min(bytes.length, room);
    if (count > 0) user.write(address, bytes.subarray(0, count));
    const length = new Uint8Array(4);
    putInt(length, 0, lengthOf(bytes, count));
    user.write(lengthAt, length);
  });
  return result;
}

/** Addresses tell their full length, options what was copied: both agree where everything fits. */
function lengthOf(bytes: Uint8Array, copied: number): number {
  return Math.max(bytes.length, copied);
}

/** `struct ifconf` of SIOCGIFCONF (netdevice(7)): bytes of a buffer 0, where it is 8. */
export function interfaceList(
  registers: Registers,
  index: number,
  access: UserAccess,
  out: Decoded,
): Returned {
  const at = unsigned(registers, index);
  const structure = access.read(at, 16);
  const buffer = getLong(structure, 8);
  // Without a buffer it is asked how large one would have to be.
  const result: Returned = { room: buffer === 0 ? Infinity : Math.max(0, getInt(structure, 0)) };
  access.touch(at, 4, Access.WRITE);
  out.finishers.push((status, user) => {
    const { bytes } = result;
    if (status < 0 || bytes === undefined) return;
    if (buffer !== 0) user.write(buffer, bytes);
    putInt(structure, 0, bytes.length);
    user.write(at, structure.subarray(0, 4));
  });
  return result;
}

/** The pieces of a header as views of user memory, or as copies. */
function pieces(
  header: Uint8Array,
  access: UserAccess,
  out: Decoded,
  kind: Access,
): Uint8Array[] {
  const count = getLong(header, 24);
  if (!(count >= 0 && count <= MAX_PIECES)) fail(E.EMSGSIZE);
  if (count === 0) return [];
  const vector = access.read(getLong(header, 16), count * 16);
  let left = MAX_TRANSFER_BYTES, before = 0;
  return Array.from({ length: count }, (_, index) => {
    const address = getLong(vector, index * 16), wanted = getLong(vector, index * 16 + 8);
    if (wanted < 0) fail(E.EINVAL);
    const length = Math.min(wanted, left);
    left -= length;
    const start = before;
    before += length;
    if (length === 0) return none;
    const view = access.view(address, length, kind);
    if (view !== undefined) {
      out.views.push(view);
      return view;
    }
    if (kind === Access.READ) return access.read(address, length);
    const bytes = new Uint8Array(length);
    access.touch(address, length, Access.WRITE);
    out.finishers.push((status, user) => {
      const filled = Math.min(length, status - start);
      if (filled > 0) user.write(address, bytes.subarray(0, filled));
    });
    return bytes;
  });
}

function sent(header: Uint8Array, access: UserAccess, out: Decoded): SentMessage {
  const name = getLong(header, 0), nameLength = getInt(header, 8);
  if (name !== 0 && !(nameLength >= 0 && nameLength <= MAX_ADDRESS_BYTES)) fail(E.EINVAL);
  const control = getLong(header, 32), controlLength = getLong(header, 40);
  if (!(controlLength >= 0 && controlLength <= MAX_CONTROL_BYTES)) fail(E.ENOBUFS);
  return {
    address: name === 0 || nameLength === 0 ? none : access.read(name, nameLength),
    parts: pieces(header, access, out, Access.READ),
    control: control === 0 || controlLength === 0 ? none : access.read(control, controlLength),
    count: 0,
  };
}

/** @param at where the header is, into which lengths and flags go */
function received(
  header: Uint8Array,
  at: number,
  access: UserAccess,
  out: Decoded,
  done: (status: number) => boolean,
): ReceivedMessage {
  const name = getLong(header, 0), control = getLong(header, 32);
  const message: ReceivedMessage = {
    addressRoom: name === 0 ? 0 : Math.max(0, getInt(header, 8)),
    parts: pieces(header, access, out, Access.WRITE),
    controlRoom: control === 0 ? 0 : Math.min(Math.max(0, getLong(header, 40)), MAX_CONTROL_BYTES),
    address: none,
    control: none,
    flags: 0,
    count: 0,
  };
  access.touch(at, HEADER_BYTES, Access.WRITE);
  out.finishers.push((status, user) => {
    if (!done(status)) return;
    const count = Math.min(message.address.length, message.addressRoom);
    if (count > 0) user.write(name, message.address.subarray(0, count));
    if (message.control.length > 0) user.write(control, message.control);
    if (name !== 0) putInt(header, 8, message.address.length);
    putLong(header, 40, message.control.length);
    putInt(header, 48, message.flags);
    user.write(at, header);
  });
  return message;
}

export function messageIn(
  registers: Registers,
  index: number,
  access: UserAccess,
  out: Decoded,
): SentMessage {
  return sent(access.read(unsigned(registers, index), HEADER_BYTES), access, out);
}

export function messageOut(
  registers: Registers,
  index: number,
  access: UserAccess,
  out: Decoded,
): ReceivedMessage {
  const at = unsigned(registers, index);
  const header = access.read(at, HEADER_BYTES);
  return received(header, at, access, out, (status) => status >= 0);
}

/** Each `struct mmsghdr` of an array. @param write stores how many bytes its message had */
function numbered<M extends { count: number }>(
  registers: Registers,
  index: number,
  access: UserAccess,
  out: Decoded,
  read: (header: Uint8Array, at: number, index: number) => M,
): M[] {
  const start = unsigned(registers, index);
  const count = Math.min(signed(registers, index + 1) >>> 0, MAX_MESSAGES);
  return Array.from({ length: count }, (_, each) => {
    const at = start + each * NUMBERED_BYTES;
    const message = read(access.read(at, HEADER_BYTES), at, each);
    access.touch(at, NUMBERED_BYTES, Access.WRITE);
    out.finishers.push((status, user) => {
      if (each >= status) return;
      const length = new Uint8Array(4);
      putInt(length, 0, message.count);
      user.write(at + HEADER_BYTES, length);
    });
    return message;
  });
}

export function messagesIn(
  registers: Registers,
  index: number,
  access: UserAccess,
  out: Decoded,
): SentMessage[] {
  return numbered(registers, index, access, out, (header) => sent(header, access, out));
}

export function messagesOut(
  registers: Registers,
  index: number,
  access: UserAccess,
  out: Decoded,
): ReceivedMessage[] {
  return numbered(
    registers,
    index,
    access,
    out,
    (header, at, each) => received(header, at, access, out, (status) => each < status),
  );
}
