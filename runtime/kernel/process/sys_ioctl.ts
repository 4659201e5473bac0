// ioctl(2): flags of descriptors, and terminals (ioctl_tty(2)).
import { type Blocking, type Coroutine, finish } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import { O } from "../vfs/constants.ts";
import { setAsync } from "./async_io.ts";
import type { Handlers } from "./handler.ts";
import { getInt, putInt } from "./little_endian.ts";
import { Socket } from "./socket/socket.ts";
import type { Process } from "./process.ts";
import { TERMIOS_BYTES, type Tty, TtyDescription } from "./tty.ts";

const FIONREAD = 0x541b, FIONBIO = 0x5421, FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIOASYNC = 0x5452;

/** @param argument a number, or the bytes that it points to */
function ioctl(
  process: Process,
  fd: number,
  request: number,
  argument: number | Uint8Array,
): Blocking<number> {
  const description = process.description(fd);
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
      process.setCloseOnExec(fd, request === FIOCLEX);
      return 0;
    case FIONBIO: {
      const on = getInt(argument as Uint8Array, 0) !== 0;
      description.flags = on ? description.flags | O.NONBLOCK : description.flags & ~O.NONBLOCK;
      return 0;
    }
    case FIOASYNC:
      setAsync(process, description, getInt(argument as Uint8Array, 0) !== 0);
      return 0;
    default:
      if (request === FIONREAD && description.available !== undefined) {
        return putAvailable(argument as Uint8Array, description.available());
      }
      if (description instanceof Socket) {
        const { internet } = process.kernel;
        if (internet === undefined || typeof argument === "number") return fail(E.ENOTTY);
        return internet.ioctl(request, argument);
      }
      if (!(description instanceof TtyDescription)) return fail(E.ENOTTY);
      return terminalRequest(process, description.tty, request, argument);
  }
}

function* putAvailable(out: Uint8Array, available: Blocking<number>): Coroutine<number> {
  putInt(out, 0, yield* finish(available));
  return 0;
}

const TERMIOS = {
  GET: 0x5401,
  SET: 0x5402,
  SET_WAIT: 0x5403,
  SET_FLUSH: 0x5404,
  GET2: 0x802c_542a,
  SET2: 0x402c_542b,
  SET2_WAIT: 0x402c_542c,
  SET2_FLUSH: 0x402c_542d,
} as const;
const TIOC = {
  SBRK: 0x5409,
  FLUSH: 0x540b,
  SCTTY: 0x540e,
  GPGRP: 0x540f,
  SPGRP: 0x5410,
  OUTQ: 0x5411,
  GWINSZ: 0x5413,
  SWINSZ: 0x5414,
  INQ: 0x541b,
  NOTTY: 0x5422,
  GSID: 0x5429,
} as const;
const TCOFLUSH = 1;

function terminalRequest(
  process: Process,
  tty: Tty,
  request: number,
  argument: number | Uint8Array,
): number {
  const bytes = argument as Uint8Array;
  switch (request) {
    case TERMIOS.GET:
    case TERMIOS.GET2:
      bytes.set(tty.termios);
      return 0;
    case TERMIOS.SET_FLUSH:
    case TERMIOS.SET2_FLUSH:
      tty.flushInput();
      tty.set(bytes.subarray(0, TERMIOS_BYTES));
      return 0;
    case TERMIOS.SET:
    case TERMIOS.SET2:
    case TERMIOS.SET_WAIT:
    case TERMIOS.SET2_WAIT:
      tty.set(bytes.subarray(0, TERMIOS_BYTES));
      return 0;
    case TIOC.FLUSH:
      if (argument !== TCOFLUSH) tty.flushInput();
      return 0;
    case TIOC.SBRK:
      return 0;
    case TIOC.SCTTY:
      return process.session === tty.session ? 0 : fail(E.EPERM);
    case TIOC.NOTTY:
      return process.session === tty.session ? 0 : fail(E.ENOTTY);
    case TIOC.GPGRP:
      if (process.session !== tty.session) fail(E.ENOTTY);
      putInt(bytes, 0, tty.foreground);
      return 0;
    case TIOC.SPGRP: {
      if (process.session !== tty.session) fail(E.ENOTTY);
      const group = getInt(bytes, 0);
      const members = [...process.kernel.all].filter((each) => each.group === group);
      if (!members.some((each) => each.session === tty.session)) fail(E.EPERM);
      tty.foreground = group;
      return 0;
    }
    case TIOC.GSID:
      putInt(bytes, 0, tty.session);
      return 0;
    case TIOC.OUTQ:
      putInt(bytes, 0, 0);
      return 0;
    case TIOC.INQ:
      putInt(bytes, 0, tty.available);
      return 0;
    case TIOC.GWINSZ: {
      const { rows, columns } = tty.size();
      bytes.fill(0);
      bytes[0] = rows;
      bytes[1] = rows >> 8;
      bytes[2] = columns;
      bytes[3] = columns >> 8;
      return 0;
    }
    case TIOC.SWINSZ: {
      const size = { rows: bytes[0] | bytes[1] << 8, columns: bytes[2] | bytes[3] << 8 };
      tty.size = () => size;
      tty.resized();
      return 0;
    }
    default:
      return fail(E.ENOTTY);
  }
}

export const ioctlCalls: Handlers = { ioctl };
