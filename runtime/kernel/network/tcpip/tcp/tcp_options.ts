// Options of level SOL_TCP (tcp(7)) as numbers with their bounds.
import { E, fail } from "../../../errno.ts";
import { TCP } from "../../constants.ts";
import { intBytes, readInt } from "../socket_options.ts";

export class TcpOptions {
  noDelay = false;
  cork = false;
  quickAck = false;
  /** most payload bytes of a segment; 0: what the path carries */
  segmentBytes = 0;
  keepIdleSeconds = 7200;
  keepIntervalSeconds = 75;
  keepCount = 9;
  synCount = 6;
  /** seconds in FIN-WAIT-2 after closing; 0: the default */
  lingerSeconds = 0;
  deferSeconds = 0;
  windowClamp = 0;
  userTimeoutMs = 0;

  copy(): TcpOptions {
    return Object.assign(new TcpOptions(), this);
  }
}

const FIELDS: readonly [name: number, field: keyof TcpOptions, least: number, most: number][] = [
  [TCP.NODELAY, "noDelay", 0, 1],
  [TCP.CORK, "cork", 0, 1],
  [TCP.QUICKACK, "quickAck", 0, 1],
  [TCP.MAXSEG, "segmentBytes", 88, 32_767],
  [TCP.KEEPIDLE, "keepIdleSeconds", 1, 32_767],
  [TCP.KEEPINTVL, "keepIntervalSeconds", 1, 32_767],
  [TCP.KEEPCNT, "keepCount", 1, 127],
  [TCP.SYNCNT, "synCount", 1, 127],
  [TCP.LINGER2, "lingerSeconds", -1, 120],
  [TCP.DEFER_ACCEPT, "deferSeconds", 0, 0x7fff_ffff],
  [TCP.WINDOW_CLAMP, "windowClamp", 0, 0x7fff_ffff],
  [TCP.USER_TIMEOUT, "userTimeoutMs", 0, 0x7fff_ffff],
];
/** What TCP_CONGESTION tells, in the 16 bytes it has. */
const CONGESTION_NAME = "cubic";

/** @throws Errno ENOPROTOOPT, EINVAL, ENOENT for congestion control that there is not */
export function setTcpOption(options: TcpOptions, name: number, value: Uint8Array): void {
  if (name === TCP.CONGESTION) {
    const wanted = String.fromCharCode(...value.subarray(0, 16)).split("\0")[0];
    if (wanted !== CONGESTION_NAME) fail(E.ENOENT);
    return;
  }
  const row = FIELDS.find((each) => each[0] === name);
  if (row === undefined) fail(E.ENOPROTOOPT);
  const [, field, least, most] = row;
  if (value.length < 4) fail(E.EINVAL);
  const number = readInt(value);
  if (typeof options[field] === "boolean") {
    Object.assign(options, { [field]: number !== 0 });
    return;
  }
  if (number < least || number > most) {
    // The size of segments may be given back to the path with 0.
    if (!(field === "segmentBytes" && number === 0)) fail(E.EINVAL);
  }
  Object.assign(options, { [field]: number });
}

/** @throws Errno ENOPROTOOPT */
export function getTcpOption(options: TcpOptions, name: number): Uint8Array {
  if (name === TCP.CONGESTION) {
    const bytes = new Uint8Array(16);
    for (let index = 0; index < CONGESTION_NAME.length; index++) {
      bytes[index] = CONGESTION_NAME.charCodeAt(index);
    }
    return bytes;
  }
  const row = FIELDS.find((each) => each[0] === name);
  if (row === undefined) fail(E.ENOPROTOOPT);
  return intBytes(Number(options[row[1]]));
}
