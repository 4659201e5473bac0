// Control messages of sendmsg(2) and recvmsg(2) (cmsg(3)): open files and credentials, as 64-bit Linux lays
// them out: length, level, type, data, all aligned to eight bytes.
import { E, fail } from "../../errno.ts";
import { MSG, SOL } from "../../network/constants.ts";
import type { Description } from "../description.ts";
import { releaseUse } from "../descriptor_table.ts";
import { type Coroutine, finish } from "../../coroutine.ts";
import { getInt, getLong, putInt, putLong } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { type Incoming, type Sender, senderOf } from "./socket.ts";

const HEADER_BYTES = 16;
const SCM = { RIGHTS: 1, CREDENTIALS: 2 } as const;
const CREDENTIAL_BYTES = 12;
/** Open files that one message carries. */
const MAX_RIGHTS = 253;

const aligned = (bytes: number) => Math.ceil(bytes / 8) * 8;

/** @throws Errno EINVAL, EBADF, EPERM (another's credentials), ETOOMANYREFS */
export function readControl(
  process: Process,
  control: Uint8Array,
): { rights: Description[]; sender: Sender } {
  const rights: Description[] = [];
  let sender = senderOf(process);
  for (let at = 0; at + HEADER_BYTES <= control.length;) {
    const length = getLong(control, at);
    if (!(length >= HEADER_BYTES && at + length <= control.length)) fail(E.EINVAL);
    const level = getInt(control, at + 8), type = getInt(control, at + 12);
    const data = control.subarray(at + HEADER_BYTES, at + length);
    if (level === SOL.SOCKET && type === SCM.RIGHTS) {
      for (let each = 0; each + 4 <= data.length; each += 4) {
        rights.push(process.description(getInt(data, each)));
      }
      if (rights.length > MAX_RIGHTS) fail(E.EINVAL);
    } else if (level === SOL.SOCKET && type === SCM.CREDENTIALS) {
      if (data.length < CREDENTIAL_BYTES) fail(E.EINVAL);
      sender = claimed(process, data);
    } else if (level === SOL.SOCKET) fail(E.EINVAL);
    at += aligned(length);
  }
  for (const description of rights) description.uses++;
  return { rights, sender };
}

/** Credentials that a process says are its own: root may say anything. */
function claimed(process: Process, data: Uint8Array): Sender {
  const sender = { pid: getInt(data, 0), uid: getInt(data, 4) >>> 0, gid: getInt(data, 8) >>> 0 };
  const { ruid, euid, suid, rgid, egid, sgid } = process.identity;
  const own = sender.pid === process.pid && [ruid, euid, suid].includes(sender.uid) &&
    [rgid, egid, sgid].includes(sender.gid);
  return own || euid === 0 ? sender : fail(E.EPERM);
}

/**
 * Gives a process what came along with a message; what has no room is closed, and MSG_CTRUNC set.
 * @param room bytes for control messages @param closeOnExec of the new descriptors
 */
export function* writeControl(
  process: Process,
  message: Incoming,
  room: number,
  closeOnExec: boolean,
): Coroutine<Uint8Array> {
  const out = new Uint8Array(room);
  let used = 0;
  /** What does not fit is cut off, as Linux does it. */
  const put = (type: number, data: Uint8Array) => {
    const fitting = Math.min(data.length, room - used - HEADER_BYTES);
    if (fitting < data.length) message.flags |= MSG.CTRUNC;
    if (fitting < 0) return;
    putLong(out, used, HEADER_BYTES + fitting);
    putInt(out, used + 8, SOL.SOCKET);
    putInt(out, used + 12, type);
    out.set(data.subarray(0, fitting), used + HEADER_BYTES);
    used = Math.min(used + aligned(HEADER_BYTES + fitting), room);
  };
  const { sender, rights } = message;
  if (sender !== undefined) {
    put(SCM.CREDENTIALS, new Uint8Array(Int32Array.of(sender.pid, sender.uid, sender.gid).buffer));
  }
  if (rights.length === 0) return out.subarray(0, used);
  const fitting = Math.max(0, Math.floor((room - used - HEADER_BYTES) / 4));
  const numbers: number[] = [];
  while (rights.length > 0 && numbers.length < fitting) {
    try {
      numbers.push(process.addDescription(rights[0], closeOnExec));
    } catch {
      // No descriptor is left for it: it goes the way of those without room.
      break;
    }
    rights.shift();
  }
  if (rights.length > 0) message.flags |= MSG.CTRUNC;
  for (const description of rights.splice(0)) yield* finish(releaseUse(description));
  if (numbers.length > 0) put(SCM.RIGHTS, new Uint8Array(Int32Array.from(numbers).buffer));
  return out.subarray(0, used);
}
