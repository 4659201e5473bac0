// What opening a FIFO, a terminal, a disk or a message queue leads to: not its inode at the server, but what the kernel has behind it.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call } from "../../vfs/protocol.ts";
import { STATX_BYTES } from "../../vfs/structures.ts";
import type { FileDescription } from "../file/description.ts";
import { openDisk } from "../file/disk_description.ts";
import { FifoDescription } from "../pipe/fifo.ts";
import { controllingTerminal, takeTerminal } from "../tty/job_control.ts";
import { getInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { PTS_MAJOR } from "../tty/pty.ts";
import { TtyDescription } from "../tty/tty.ts";

/** Device numbers: whatever controls the session of who opens it (tty(4)), and what makes pseudo-terminals. */
const TTY = 5 << 8 | 0, PTMX = 5 << 8 | 2;
/** Where `struct statx` has the device number of a special file. */
const STATX_MAJOR = 128, STATX_MINOR = 132;

/**
 * @param file just opened; it is the answer, or the answer's, unless this fails
 * @param flags of open(2)
 * @throws Errno ENXIO, EIO, ENOSPC, EINTR
 */
export function* openSpecial(
  process: Process,
  file: FileDescription,
  flags: number,
): Coroutine<FileDescription> {
  const type = file.mode & S.IFMT;
  const special = type === S.IFIFO || type === S.IFCHR || type === S.IFBLK;
  const { queues } = process.kernel.local;
  if (queues.has(file.location) && (flags & O.PATH) === 0) return queues.describe(process, file);
  if (!special || (flags & O.PATH) !== 0) return file;
  if (type !== S.IFIFO) return yield* openDevice(process, file, flags);
  const { anonymous, fifos } = process.kernel.local;
  const fifo = new FifoDescription(fifos, file);
  // A pipe without a name is open already, whoever is still at its other end.
  if (anonymous.has(file.location)) return fifo;
  try {
    yield* fifo.opened();
  } catch (failure) {
    fifo.leave();
    throw failure;
  }
  return fifo;
}

function* openDevice(
  process: Process,
  file: FileDescription,
  flags: number,
): Coroutine<FileDescription> {
  const structure = new Uint8Array(STATX_BYTES);
  if ((yield* finish(file.call(Call.STATX, [], structure))) < 0) fail(E.EIO);
  const major = getInt(structure, STATX_MAJOR), minor = getInt(structure, STATX_MINOR);
  if ((file.mode & S.IFMT) === S.IFBLK) {
    return yield* openDisk(process, file, { major, minor }, flags);
  }
  const { ptys } = process.kernel.local;
  if (major === PTS_MAJOR) return openPty(process, file, minor, flags);
  switch (major << 8 | minor) {
    case TTY: {
      const tty = controllingTerminal(process) ?? fail(E.ENXIO);
      tty.opened();
      return new TtyDescription(tty, file.flags, file, true);
    }
    case PTMX:
      return ptys.open(process, file);
    default:
      return file;
  }
}

/** The side of a pseudo-terminal that programs are on. @throws Errno EIO where it is gone, or locked; EBUSY */
export function openPty(
  process: Process,
  file: FileDescription,
  number: number,
  flags: number,
): TtyDescription {
  const tty = process.kernel.local.ptys.get(number);
  if (tty === undefined || tty.locked) return fail(E.EIO);
  if (tty.exclusive && process.identity.euid !== 0) fail(E.EBUSY);
  const free = tty.session === 0 && controllingTerminal(process) === undefined;
  const leads = process.pid === process.session && (flags & O.NOCTTY) === 0;
  if (free && leads) takeTerminal(process, tty, false);
  tty.opened();
  return new TtyDescription(tty, file.flags, file, true);
}
