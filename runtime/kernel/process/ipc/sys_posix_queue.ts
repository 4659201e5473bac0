// Calls about POSIX message queues: mq_open(3), mq_send(3), mq_receive(3), mq_notify(3), mq_getattr(3).
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { Call, getWalkResult, NAME_MAX, NOWHERE, Private } from "../../vfs/protocol.ts";
import { getTimespec } from "../time/clock.ts";
import type { FileDescription } from "../file/description.ts";
import type { Handlers } from "../handler.ts";
import { RLIMIT } from "../limits.ts";
import { getInt, getLong, putInt, putLong } from "../little_endian.ts";
import { close, request, textPayload } from "../path/mounts.ts";
import { describe } from "../path/open_path.ts";
import type { Process } from "../process.ts";
import { LAST_SIGNAL } from "../signal/signal.ts";
import { privileged } from "../sys_identity.ts";
import {
  checkLimits,
  DEFAULT_BYTES,
  DEFAULT_MESSAGES,
  MOST_PRIORITY,
  type QueueLimits,
} from "./posix_queue.ts";
import { QueueDescription } from "./queue_description.ts";

const FLAGS = O.ACCMODE | O.CREAT | O.EXCL | O.NONBLOCK | O.CLOEXEC;
/** `struct mq_attr`, in longs. */
const Attribute = { FLAGS: 0, MESSAGES: 8, BYTES: 16, HELD: 24 } as const;
/** `struct sigevent`: where its fields are, and how it tells. */
const Event = { VALUE: 0, SIGNAL: 8, NOTIFY: 12 } as const;
const SIGEV = { SIGNAL: 0, NONE: 1 } as const;

/** A name of a queue, without its slash. @throws Errno ENOENT, ENAMETOOLONG, EACCES */
function checkName(name: string): void {
  if (name === "") fail(E.ENOENT);
  if (name.length > NAME_MAX) fail(E.ENAMETOOLONG);
  if (name.includes("/") || name === "." || name === "..") fail(E.EACCES);
}

function* root({ kernel: { local: { queues } } }: Process): Coroutine<number> {
  return yield* request(queues.server, Private.ROOT, [0], new Uint8Array(64));
}

/** @throws Errno EINVAL, EMFILE for more than RLIMIT_MSGQUEUE */
function limitsOf(process: Process, attributes: Uint8Array | undefined): QueueLimits {
  if (attributes === undefined) return { messages: DEFAULT_MESSAGES, bytes: DEFAULT_BYTES };
  const limits = {
    messages: getLong(attributes, Attribute.MESSAGES),
    bytes: getLong(attributes, Attribute.BYTES),
  };
  checkLimits(limits, privileged(process));
  return limits;
}

function* mqOpen(
  process: Process,
  name: string,
  flags: number,
  mode: number,
  attributes: Uint8Array | undefined,
): Coroutine<number> {
  checkName(name);
  const { queues } = process.kernel.local, { server, mount } = queues;
  if ((flags & O.ACCMODE) === O.ACCMODE) fail(E.EINVAL);
  const makes = (flags & O.CREAT) !== 0;
  const limits = limitsOf(process, makes ? attributes : undefined);
  const directory = yield* root(process);
  let handle: number, file: FileDescription;
  const payload = textPayload(name);
  try {
    const permissions = mode & 0o777 & ~process.directories.umask;
    const args = [directory, name.length, flags & FLAGS & ~O.CLOEXEC, permissions];
    handle = yield* request(server, Private.CREATE, args, payload, process.credential);
  } finally {
    yield* close({ mount, handle: directory });
  }
  const { mode: kind, ino, generation, flag } = getWalkResult(payload);
  const found = { mode: kind, ino, generation, name, slash: false, above: NOWHERE };
  file = describe(
    process,
    { mount, handle, ...found },
    flags & (O.ACCMODE | O.NONBLOCK),
    `/${name}`,
  );
  try {
    if (flag) yield* admit(process, name, queues.queueOf(file.location)!, limits);
    file = queues.describe(process, file);
    return process.addDescription(file, (flags & O.CLOEXEC) !== 0);
  } catch (failure) {
    yield* file.release();
    throw failure;
  }
}

/** A new queue gets its limits, if its user may have one more. @throws Errno EMFILE */
function* admit(
  process: Process,
  name: string,
  queue: { limits: QueueLimits },
  limits: QueueLimits,
): Coroutine<void> {
  queue.limits = limits;
  const most = process.limits[RLIMIT.MSGQUEUE].soft;
  if (process.kernel.local.queues.countedBytes(process.credential.uid) <= most) return;
  yield* mqUnlink(process, name);
  fail(E.EMFILE);
}

function* mqUnlink(process: Process, name: string): Coroutine<number> {
  checkName(name);
  const { server, mount } = process.kernel.local.queues;
  const directory = yield* root(process);
  try {
    const args = [directory, name.length, 0];
    return yield* request(server, Call.UNLINKAT, args, textPayload(name), process.credential);
  } finally {
    yield* close({ mount, handle: directory });
  }
}

/** @throws Errno EBADF */
function queueAt(process: Process, fd: number): QueueDescription {
  const description = process.description(fd);
  return description instanceof QueueDescription ? description : fail(E.EBADF);
}

/** @param time `struct timespec` of CLOCK_REALTIME @returns when that is, of the monotonic clock @throws Errno EINVAL */
function deadlineOf(process: Process, time: Uint8Array | undefined): number {
  if (time === undefined) return Infinity;
  const [seconds, nanoseconds] = getTimespec(time, 0);
  if (seconds < 0) fail(E.EINVAL);
  return process.kernel.clocks.realtime.at(seconds, nanoseconds);
}

function mqTimedSend(
  process: Process,
  fd: number,
  text: Uint8Array,
  priority: number,
  time: Uint8Array | undefined,
): Coroutine<number> {
  const deadlineNs = deadlineOf(process, time);
  if (priority >= MOST_PRIORITY) fail(E.EINVAL);
  const description = queueAt(process, fd);
  if (!description.sends) fail(E.EBADF);
  return description.queue.send(process, text, priority, description.mayWait, deadlineNs);
}

/** @param out the message @param priority an int @returns bytes of the message */
function* mqTimedReceive(
  process: Process,
  fd: number,
  out: Uint8Array,
  priority: Uint8Array | undefined,
  time: Uint8Array | undefined,
): Coroutine<number> {
  const deadlineNs = deadlineOf(process, time);
  const { queue, receives, mayWait } = queueAt(process, fd);
  if (!receives) fail(E.EBADF);
  const message = yield* queue.receive(process, out.length, mayWait, deadlineNs);
  out.set(message.text);
  if (priority !== undefined) putInt(priority, 0, message.priority);
  return message.text.length;
}

/** @param event `struct sigevent`; without it nothing is told any more */
function mqNotify(process: Process, fd: number, event: Uint8Array | undefined): number {
  const signal = event === undefined ? 0 : getInt(event, Event.SIGNAL);
  const how = event === undefined ? SIGEV.NONE : getInt(event, Event.NOTIFY);
  if (how !== SIGEV.SIGNAL && how !== SIGEV.NONE) fail(E.EINVAL);
  if (how === SIGEV.SIGNAL && !(signal >= 1 && signal <= LAST_SIGNAL)) fail(E.EINVAL);
  const { queue } = queueAt(process, fd);
  if (event === undefined) queue.dropNotification(process);
  else {
    const value = new DataView(event.buffer, event.byteOffset).getBigUint64(Event.VALUE, true);
    queue.setNotification({ process, signal: how === SIGEV.SIGNAL ? signal : 0, value });
  }
  return 0;
}

/** @param given `struct mq_attr`, of which the flag O_NONBLOCK counts @param out what it was before */
function mqGetSetAttr(
  process: Process,
  fd: number,
  given: Uint8Array | undefined,
  out: Uint8Array | undefined,
): number {
  const flags = given === undefined ? 0 : getLong(given, Attribute.FLAGS);
  if ((flags & ~O.NONBLOCK) !== 0) fail(E.EINVAL);
  const description = queueAt(process, fd), { queue } = description;
  if (out !== undefined) {
    out.fill(0);
    putLong(out, Attribute.FLAGS, description.flags & O.NONBLOCK);
    putLong(out, Attribute.MESSAGES, queue.limits.messages);
    putLong(out, Attribute.BYTES, queue.limits.bytes);
    putLong(out, Attribute.HELD, queue.length);
  }
  if (given !== undefined) description.flags = description.flags & ~O.NONBLOCK | flags;
  return 0;
}

export const posixQueueCalls: Handlers = {
  mq_open: mqOpen,
  mq_unlink: mqUnlink,
  mq_timedsend: mqTimedSend,
  mq_timedreceive: mqTimedReceive,
  mq_notify: mqNotify,
  mq_getsetattr: mqGetSetAttr,
};
