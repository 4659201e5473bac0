// ioctl(2): flags of descriptors, and who answers the requests of their kind.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { ownerOf, setAsync, setOwner } from "./async_io.ts";
import { FileDescription } from "./description.ts";
import { DiskDescription } from "./disk_description.ts";
import { fileRequest } from "./file_requests.ts";
import type { Handlers } from "../handler.ts";
import { getInt, putInt } from "../little_endian.ts";
import type { InternetSockets } from "../socket/internet_sockets.ts";
import { Socket } from "../socket/socket.ts";
import type { Returned } from "../socket/sys_socket.ts";
import type { Process } from "../process.ts";
import { MasterDescription } from "../tty/pty.ts";
import { terminalRequest } from "../tty/terminal_requests.ts";
import { TtyDescription } from "../tty/tty.ts";

const FIONREAD = 0x541b, FIONBIO = 0x5421, FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIOASYNC = 0x5452;
/** Of sockets: whom signals go to, as with F_SETOWN and F_GETOWN. */
const FIOSETOWN = 0x8901, SIOCSPGRP = 0x8902, FIOGETOWN = 0x8903, SIOCGPGRP = 0x8904;
/** What SIOCGIFCONF answers at most: more addresses than a machine may have. */
const MOST_LIST_BYTES = 4096;

/** @param argument a number, or the bytes that it points to; of SIOCGIFCONF, the room for its answer */
function ioctl(
  process: Process,
  fd: number,
  request: number,
  argument: number | Uint8Array | Returned,
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
        return socketRequest(process, description, request, argument);
      }
      if (description instanceof TtyDescription || description instanceof MasterDescription) {
        return terminalRequest(process, description, request, argument as number | Uint8Array);
      }
      if (description instanceof DiskDescription) {
        return description.answer(request, argument as Uint8Array);
      }
      if (description instanceof FileDescription) {
        return fileRequest(description, request, argument as Uint8Array);
      }
      return fail(E.ENOTTY);
  }
}

function socketRequest(
  process: Process,
  socket: Socket,
  request: number,
  argument: number | Uint8Array | Returned,
): Blocking<number> {
  const { internet } = process.kernel;
  switch (request) {
    case FIOSETOWN:
    case SIOCSPGRP:
      return setOwner(process, socket, getInt(argument as Uint8Array, 0));
    case FIOGETOWN:
    case SIOCGPGRP:
      putInt(argument as Uint8Array, 0, ownerOf(socket));
      return 0;
  }
  if (internet === undefined || typeof argument === "number") return fail(E.ENOTTY);
  if ("room" in argument) return listInterfaces(internet, request, argument);
  return internet.ioctl(request, argument);
}

function* listInterfaces(
  internet: InternetSockets,
  request: number,
  out: Returned,
): Coroutine<number> {
  const bytes = new Uint8Array(Math.min(out.room, MOST_LIST_BYTES));
  out.bytes = bytes.subarray(0, yield* internet.ioctl(request, bytes));
  return 0;
}

function* putAvailable(out: Uint8Array, available: Blocking<number>): Coroutine<number> {
  putInt(out, 0, yield* finish(available));
  return 0;
}

export const ioctlCalls: Handlers = { ioctl };
