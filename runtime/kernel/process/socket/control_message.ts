// Control messages of sendmsg(2) and recvmsg(2) (cmsg(3)): open files and credentials, and what is the network's.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { MSG, SOL } from "../../network/constants.ts";
import { controlMessages, ControlWriter } from "../../network/control.ts";
import type { Description } from "../file/description.ts";
import { releaseUse } from "../file/descriptor_table.ts";
import { getInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { type Incoming, type Sender, senderOf } from "./socket.ts";

const SCM = { RIGHTS: 1, CREDENTIALS: 2 } as const;
const CREDENTIAL_BYTES = 12;
/** Open files that one message carries. */
const MAX_RIGHTS = 253;

/**
 * Takes apart what goes along with a message; `control` is what the network is to know.
 * @throws Errno EINVAL, EBADF, EPERM (another's credentials), ETOOMANYREFS
 */
export function readControl(
  process: Process,
  bytes: Uint8Array,
): { rights: Description[]; sender: Sender; control?: Uint8Array } {
  const rights: Description[] = [];
  const others = new ControlWriter(new Uint8Array(bytes.length));
  let sender = senderOf(process);
  for (const { level, type, data } of controlMessages(bytes)) {
    if (level !== SOL.SOCKET) {
      others.put(level, type, data);
    } else if (type === SCM.RIGHTS) {
      for (let each = 0; each + 4 <= data.length; each += 4) {
        rights.push(process.description(getInt(data, each)));
      }
      if (rights.length > MAX_RIGHTS) fail(E.EINVAL);
    } else if (type === SCM.CREDENTIALS) {
      if (data.length < CREDENTIAL_BYTES) fail(E.EINVAL);
      sender = claimed(process, data);
    } else fail(E.EINVAL);
  }
  for (const description of rights) description.uses++;
  const control = others.written;
  return { rights, sender, control: control.length === 0 ? undefined : control };
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
  const writer = new ControlWriter(new Uint8Array(room));
  const { sender, rights, control } = message;
  if (sender !== undefined) {
    const { pid, uid, gid } = sender;
    const bytes = new Uint8Array(Int32Array.of(pid, uid, gid).buffer);
    writer.put(SOL.SOCKET, SCM.CREDENTIALS, bytes);
  }
  if (control !== undefined) {
    for (const { level, type, data } of controlMessages(control)) writer.put(level, type, data);
  }
  const fitting = Math.max(0, Math.floor(writer.room / 4));
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
  if (rights.length > 0 || writer.truncated) message.flags |= MSG.CTRUNC;
  for (const description of rights.splice(0)) yield* finish(releaseUse(description));
  if (numbers.length > 0) {
    writer.put(SOL.SOCKET, SCM.RIGHTS, new Uint8Array(Int32Array.from(numbers).buffer));
  }
  return writer.written;
}
