// Requests of ioctl(2) to the other side of a pseudo-terminal (pty(7), TIOCPKT(2const)): its number, its lock, the
// side that programs are on.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { WalkFlag } from "../../vfs/protocol.ts";
import { getInt, putInt } from "../little_endian.ts";
import { describe } from "../path/open_path.ts";
import { openPty } from "../path/open_special.ts";
import type { Process } from "../process.ts";
import { type MasterDescription, type PseudoTerminal, PTS_MAJOR } from "./pty.ts";
import { resolve } from "../path/resolve.ts";
import { LAST_SIGNAL } from "../signal/signal.ts";

const PTY = {
  FLUSH: 0x540b,
  PACKETS: 0x5420,
  OPEN_PEER: 0x5441,
  NUMBER: 0x8004_5430,
  SET_LOCK: 0x4004_5431,
  DEVICE: 0x8004_5432,
  GET_PACKETS: 0x8004_5438,
  GET_LOCK: 0x8004_5439,
  SIGNAL: 0x4004_5436,
  INPUT: 0x541b,
} as const;

/** Arguments of TCFLSH (tcflush(3)). */
const FLUSH = { INPUT: 0, OUTPUT: 1, BOTH: 2 } as const;

/** @returns undefined for a request that both sides know */
export function masterRequest(
  process: Process,
  master: MasterDescription,
  request: number,
  argument: number | Uint8Array,
): Blocking<number> | undefined {
  const { tty } = master;
  const bytes = argument as Uint8Array;
  switch (request) {
    case PTY.NUMBER:
      putInt(bytes, 0, tty.number);
      return 0;
    case PTY.SET_LOCK:
      tty.locked = getInt(bytes, 0) !== 0;
      return 0;
    case PTY.GET_LOCK:
      putInt(bytes, 0, tty.locked ? 1 : 0);
      return 0;
    case PTY.PACKETS:
      master.packets = getInt(bytes, 0) !== 0;
      return 0;
    case PTY.GET_PACKETS:
      putInt(bytes, 0, master.packets ? 1 : 0);
      return 0;
    case PTY.DEVICE:
      putInt(bytes, 0, PTS_MAJOR << 8 | tty.number);
      return 0;
    case PTY.SIGNAL:
      if (!(argument as number >= 1 && argument as number <= LAST_SIGNAL)) fail(E.EINVAL);
      tty.signal(argument as number);
      return 0;
    case PTY.OPEN_PEER:
      return openPeer(process, tty, argument as number);
    case PTY.FLUSH:
      if (!Object.values(FLUSH).includes(argument as 0)) fail(E.EINVAL);
      // What programs wrote is input here, and what is written here has reached their input.
      if (argument !== FLUSH.OUTPUT) tty.discardOutput();
      return 0;
    case PTY.INPUT:
      putInt(bytes, 0, master.available());
      return 0;
    default:
      return undefined;
  }
}

/** Opens the side that programs are on, wherever its name is seen (TIOCGPTPEER). */
function* openPeer(process: Process, tty: PseudoTerminal, flags: number): Coroutine<number> {
  const path = `/dev/pts/${tty.number}`;
  const { init } = process.kernel;
  const found = yield* resolve(init, init.root, path, WalkFlag.FOLLOW);
  const file = describe(process, found, flags & (O.ACCMODE | O.NONBLOCK), path);
  try {
    const peer = openPty(process, file, tty.number, flags);
    return process.addDescription(peer, (flags & O.CLOEXEC) !== 0);
  } catch (failure) {
    yield* finish(file.release());
    throw failure;
  }
}
