// ioctl(2) for what is no terminal: flags of descriptors, and how much there is to read.
import { E, fail } from "../errno.ts";
import { O } from "../vfs/constants.ts";
import type { Handlers } from "./handler.ts";
import { getInt } from "./little_endian.ts";
import type { Process } from "./process.ts";

const FIONBIO = 0x5421, FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIOASYNC = 0x5452;

/** @param argument a number, or the bytes that it points to */
function ioctl(
  process: Process,
  fd: number,
  request: number,
  argument: number | Uint8Array,
): number {
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
      return 0;
    default:
      return fail(E.ENOTTY);
  }
}

export const ioctlCalls: Handlers = { ioctl };
