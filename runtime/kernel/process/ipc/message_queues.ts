// System V message queues (msgget(2), msgop(2), msgctl(2)): messages with types, by which receivers choose.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Handlers } from "../handler.ts";
import { getLong, putInt, putLong } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { privileged } from "../sys_identity.ts";
import {
  demandAccess,
  IPC,
  type Owned,
  Permission,
  PERMISSION_BYTES,
  putOwned,
  secondsOf,
  setOwned,
} from "./ipc_table.ts";

const MSG = {
  NOERROR: 0o10000,
  EXCEPT: 0o20000,
  COPY: 0o40000,
  STAT: 11,
  INFO: 12,
  STAT_ANY: 13,
} as const;
/** As /proc/sys/kernel/msgmax, msgmnb and msgmni have it. */
export const MOST_MESSAGE_BYTES = 8192;
export const MOST_QUEUE_BYTES = 16384;
export const MOST_QUEUES = 32000;
/** The type goes before the text, as in `struct msgbuf`. */
const TYPE_BYTES = 8;
/** `struct msginfo`, of which the last number is a short one. */
const INFO_BYTES = 32, SEGMENTS = 0xffff, SEGMENT_BYTES = 16;
/** Where `struct msqid64_ds` has the bytes that a queue may hold. */
const QUEUE_BYTES_AT = PERMISSION_BYTES + 40;

interface Message {
  type: number;
  text: Uint8Array;
}

export class MessageQueue {
  readonly messages: Message[] = [];
  /** woken when it has changed, and when it is removed */
  readonly changed = new WaitQueue(true);
  removed = false;
  /** of all texts */
  bytes = 0;
  mostBytes = MOST_QUEUE_BYTES;
  sentSeconds = 0;
  receivedSeconds = 0;
  changedSeconds = 0;
  lastSender = 0;
  lastReceiver = 0;

  constructor(readonly owned: Owned) {}

  /** Whether there is room for one more; those without text are counted, too. */
  takes(length: number): boolean {
    return this.bytes + length <= this.mostBytes && this.messages.length < this.mostBytes;
  }

  /** Which message is wanted; -1 where there is none. */
  find(type: number, flags: number): number {
    if ((flags & MSG.COPY) !== 0) return type < this.messages.length ? type : -1;
    if (type === 0) return this.messages.length > 0 ? 0 : -1;
    if (type > 0) {
      const except = (flags & MSG.EXCEPT) !== 0;
      return this.messages.findIndex((message) => (message.type === type) !== except);
    }
    let found = -1;
    this.messages.forEach((message, index) => {
      const least = found < 0 ? 1 - type : this.messages[found].type;
      if (message.type < least) found = index;
    });
    return found;
  }
}

function msgget(process: Process, key: number, flags: number): number {
  return process.kernel.ipc.queues.open(process, key, flags, () => {}, (owned) => {
    const queue = new MessageQueue(owned);
    queue.changedSeconds = secondsOf(process);
    return queue;
  });
}

/** @param message its type, then its text @throws Errno EINVAL, EACCES, EAGAIN, EIDRM */
function* msgsnd(
  process: Process,
  id: number,
  message: Uint8Array,
  flags: number,
): Coroutine<number> {
  const type = getLong(message, 0), text = message.slice(TYPE_BYTES);
  if (type < 1) fail(E.EINVAL);
  const queue = process.kernel.ipc.queues.find(id);
  for (;;) {
    if (queue.removed) fail(E.EIDRM);
    demandAccess(process, queue.owned, Permission.WRITE);
    if (queue.takes(text.length)) break;
    if ((flags & IPC.NOWAIT) !== 0) fail(E.EAGAIN);
    yield queue.changed;
  }
  queue.messages.push({ type, text });
  queue.bytes += text.length;
  queue.lastSender = process.pid;
  queue.sentSeconds = secondsOf(process);
  queue.changed.wakeAll();
  return 0;
}

/**
 * @param out for the type and the text of a message
 * @param type of {@link MessageQueue.find}, or which message, to be copied (MSG_COPY)
 * @returns bytes of the text @throws Errno EINVAL, EACCES, ENOMSG, E2BIG, EIDRM
 */
function* msgrcv(
  process: Process,
  id: number,
  out: Uint8Array,
  type: number,
  flags: number,
): Coroutine<number> {
  const copies = (flags & MSG.COPY) !== 0;
  if (copies && ((flags & IPC.NOWAIT) === 0 || (flags & MSG.EXCEPT) !== 0)) fail(E.EINVAL);
  const queue = process.kernel.ipc.queues.find(id), room = out.length - TYPE_BYTES;
  let index: number;
  for (;;) {
    if (queue.removed) fail(E.EIDRM);
    demandAccess(process, queue.owned, Permission.READ);
    index = queue.find(type, flags);
    if (index >= 0) break;
    if ((flags & IPC.NOWAIT) !== 0) fail(E.ENOMSG);
    yield queue.changed;
  }
  const message = queue.messages[index];
  if (message.text.length > room && (flags & MSG.NOERROR) === 0) fail(E.E2BIG);
  const text = message.text.subarray(0, room);
  putLong(out, 0, message.type);
  out.set(text, TYPE_BYTES);
  if (copies) return text.length;
  queue.messages.splice(index, 1);
  queue.bytes -= message.text.length;
  queue.lastReceiver = process.pid;
  queue.receivedSeconds = secondsOf(process);
  queue.changed.wakeAll();
  return text.length;
}

/** @param bytes `struct msqid64_ds`, or what else the command has */
function msgctl(process: Process, id: number, command: number, bytes?: Uint8Array): number {
  const { queues } = process.kernel.ipc;
  if (command === IPC.INFO || command === MSG.INFO) {
    putInfo(process, command === MSG.INFO, bytes ?? fail(E.EFAULT));
    return queues.highest;
  }
  const told = queues.asked(process, id, command, MSG, (queue) => {
    putQueue(bytes ?? fail(E.EFAULT), queue);
  });
  if (told !== undefined) return told;
  switch (command) {
    case IPC.SET: {
      const given = bytes ?? fail(E.EFAULT), mostBytes = getLong(given, QUEUE_BYTES_AT);
      const queue = queues.findOwned(process, id);
      if (!(mostBytes >= 0 && mostBytes <= MOST_QUEUE_BYTES) && !privileged(process)) {
        fail(E.EPERM);
      }
      setOwned(process, queue, given);
      queue.mostBytes = mostBytes;
      queue.changed.wakeAll();
      return 0;
    }
    case IPC.RMID: {
      const queue = queues.findOwned(process, id);
      queue.removed = true;
      queues.delete(queue);
      queue.changed.wakeAll();
      return 0;
    }
    default:
      return fail(E.EINVAL);
  }
}

/** Fills a `struct msginfo`: with what may be, or with what is in use. */
function putInfo({ kernel }: Process, used: boolean, bytes: Uint8Array): void {
  let messages = 0, held = 0;
  for (const queue of kernel.ipc.queues.all) {
    messages += queue.messages.length;
    held += queue.bytes;
  }
  [
    used ? kernel.ipc.queues.size : MOST_QUEUES * MOST_QUEUE_BYTES / 1024,
    used ? messages : MOST_QUEUE_BYTES,
    MOST_MESSAGE_BYTES,
    MOST_QUEUE_BYTES,
    MOST_QUEUES,
    SEGMENT_BYTES,
    used ? held : MOST_QUEUE_BYTES,
    SEGMENTS,
  ].forEach((value, index) => putInt(bytes.subarray(0, INFO_BYTES), index * 4, value));
}

function putQueue(bytes: Uint8Array, queue: MessageQueue): void {
  putOwned(bytes, queue.owned);
  [
    queue.sentSeconds,
    queue.receivedSeconds,
    queue.changedSeconds,
    queue.bytes,
    queue.messages.length,
    queue.mostBytes,
  ].forEach((value, index) => putLong(bytes, PERMISSION_BYTES + index * 8, value));
  putInt(bytes, PERMISSION_BYTES + 48, queue.lastSender);
  putInt(bytes, PERMISSION_BYTES + 52, queue.lastReceiver);
}

export const messageQueueCalls: Handlers = { msgget, msgsnd, msgrcv, msgctl };
