// pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2): processes by descriptors.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { FileDescription } from "../file/description.ts";
import { directoryPath } from "../path/directory_path.ts";
import type { ThreadHandlers } from "../handler.ts";
import { getInt } from "../little_endian.ts";
import { openPidfd, pidfdOf } from "./pidfd.ts";
import type { Process } from "../process.ts";
import { checkSignal, queuedInfo, sendToAll } from "../signal/sys_signal.ts";
import type { Thread } from "../thread.ts";
import { mayTrace } from "../tracing.ts";

function pidfdOpen({ process }: Thread, pid: number, flags: number): number {
  if ((flags & ~O.NONBLOCK) !== 0 || pid <= 0) fail(E.EINVAL);
  const { kernel } = process;
  const target = kernel.process(pid);
  // A thread that does not lead its process has none.
  if (target === undefined) fail(kernel.thread(pid) === undefined ? E.ESRCH : E.EINVAL);
  return openPidfd(process, target, flags);
}

/** The process of a pidfd, or of an open directory /proc/PID. @throws Errno EBADF, ESRCH */
function* signalled(process: Process, fd: number): Coroutine<Process> {
  const description = process.description(fd);
  if (!(description instanceof FileDescription) || description.location.mount.type !== "proc") {
    return pidfdOf(process, fd).target;
  }
  if (!description.isDirectory) fail(E.EBADF);
  let path: string;
  try {
    path = yield* finish(directoryPath(process, description.location));
  } catch (failure) {
    throw failure instanceof Errno && failure.errno === E.ENOENT ? new Errno(E.ESRCH) : failure;
  }
  const [, pid] = /^\/([1-9]\d*)$/.exec(path.slice(description.location.mount.path.length)) ??
    fail(E.EBADF);
  return process.kernel.process(Number(pid)) ?? fail(E.ESRCH);
}

function* pidfdSendSignal(
  thread: Thread,
  fd: number,
  signal: number,
  bytes: Uint8Array | undefined,
  flags: number,
): Coroutine<number> {
  checkSignal(signal);
  if (flags !== 0) fail(E.EINVAL);
  const { process } = thread;
  const target = yield* signalled(process, fd);
  if (bytes !== undefined && getInt(bytes, 0) !== signal) fail(E.EINVAL);
  const info = bytes === undefined
    ? process.sender(signal)
    : queuedInfo(thread, signal, bytes, target !== process);
  return sendToAll(process, target.reaped ? [] : [target], info);
}

function pidfdGetfd({ process }: Thread, fd: number, wanted: number, flags: number): number {
  if (flags !== 0) fail(E.EINVAL);
  const { target } = pidfdOf(process, fd);
  if (target.ending !== undefined) fail(E.ESRCH);
  if (!mayTrace(process, target)) fail(E.EPERM);
  const description = target.description(wanted);
  const made = process.addDescription(description, true);
  description.uses++;
  return made;
}

export const pidfdCalls: ThreadHandlers = {
  pidfd_open: pidfdOpen,
  pidfd_send_signal: pidfdSendSignal,
  pidfd_getfd: pidfdGetfd,
};
