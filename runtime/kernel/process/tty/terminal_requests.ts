// Requests of ioctl(2) to terminals (ioctl_tty(2)): settings, size, foreground, control.
import { type Blocking, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import {
  controllingTerminal,
  demandForeground,
  dropTerminal,
  takeTerminal,
} from "./job_control.ts";
import { getInt, putInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { MasterDescription } from "./pty.ts";
import { masterRequest } from "./pty_requests.ts";
import { SIG } from "../signal/signal.ts";
import { CHANGES_SETTINGS, settingsRequest } from "./terminal_settings.ts";
import type { Tty, TtyDescription } from "./tty.ts";

const TIOC = {
  SBRK: 0x5409,
  XONC: 0x540a,
  FLUSH: 0x540b,
  EXCL: 0x540c,
  NXCL: 0x540d,
  SCTTY: 0x540e,
  GPGRP: 0x540f,
  SPGRP: 0x5410,
  OUTQ: 0x5411,
  STI: 0x5412,
  GWINSZ: 0x5413,
  SWINSZ: 0x5414,
  INQ: 0x541b,
  NOTTY: 0x5422,
  GETD: 0x5424,
  SBRKP: 0x5425,
  GSID: 0x5429,
  GEXCL: 0x8004_5440,
} as const;
/** Arguments of TCFLSH and TCXONC. */
const FLUSH = { INPUT: 0, OUTPUT: 1, BOTH: 2 } as const;
const FLOW = { OUTPUT_OFF: 0, OUTPUT_ON: 1, INPUT_OFF: 2, INPUT_ON: 3 } as const;
/** What requests change that somebody in the background must not. */
const CHANGING: readonly number[] = [
  ...CHANGES_SETTINGS,
  TIOC.SPGRP,
  TIOC.SBRK,
  TIOC.SBRKP,
  TIOC.XONC,
  TIOC.FLUSH,
];

/** @param argument a number, or the bytes that it points to @throws Errno ENOTTY for an unknown request */
export function terminalRequest(
  process: Process,
  description: TtyDescription | MasterDescription,
  request: number,
  argument: number | Uint8Array,
): Blocking<number> {
  const { tty } = description;
  if (description instanceof MasterDescription) {
    const answer = masterRequest(process, description, request, argument);
    if (answer !== undefined) return answer;
  } else {
    if (description.lost) fail(E.EIO);
    if (CHANGING.includes(request)) demandForeground(process, tty, SIG.TTOU);
  }
  const outside = description instanceof MasterDescription;
  return settingsRequest(process, tty, request, argument as Uint8Array) ??
    dataRequest(tty, request, argument) ??
    controlRequest(process, tty, request, argument, outside);
}

/** Data on its way, and the window: the same from both sides. @returns undefined for another request */
function dataRequest(
  tty: Tty,
  request: number,
  argument: number | Uint8Array,
): Blocking<number> | undefined {
  const bytes = argument as Uint8Array;
  const { discipline } = tty;
  switch (request) {
    case TIOC.FLUSH:
      if (!(argument as number >= FLUSH.INPUT && argument as number <= FLUSH.BOTH)) fail(E.EINVAL);
      if (argument !== FLUSH.OUTPUT) discipline.flushInput();
      if (argument !== FLUSH.INPUT) tty.discardOutput();
      return 0;
    case TIOC.XONC:
      return flow(tty, argument as number);
    case TIOC.SBRK:
    case TIOC.SBRKP:
    case TIOC.EXCL:
    case TIOC.NXCL:
      tty.exclusive = request === TIOC.EXCL;
      return 0;
    case TIOC.GEXCL:
      putInt(bytes, 0, tty.exclusive ? 1 : 0);
      return 0;
    case TIOC.OUTQ:
      putInt(bytes, 0, 0);
      return 0;
    case TIOC.INQ:
      putInt(bytes, 0, discipline.available);
      return 0;
    case TIOC.GETD:
      putInt(bytes, 0, 0);
      return 0;
    case TIOC.GWINSZ: {
      const { rows, columns } = tty.size();
      bytes.fill(0);
      putInt(bytes, 0, rows | columns << 16);
      return 0;
    }
    case TIOC.SWINSZ: {
      const old = tty.size();
      const size = { rows: bytes[0] | bytes[1] << 8, columns: bytes[2] | bytes[3] << 8 };
      tty.size = () => size;
      if (size.rows !== old.rows || size.columns !== old.columns) tty.resized();
      return 0;
    }
    default:
      return undefined;
  }
}

function flow(tty: Tty, action: number): Blocking<number> {
  switch (action) {
    case FLOW.OUTPUT_OFF:
    case FLOW.OUTPUT_ON:
      tty.stop(action === FLOW.OUTPUT_OFF);
      return 0;
    case FLOW.INPUT_OFF:
    case FLOW.INPUT_ON:
      return function* () {
        yield* tty.sendFlow(action === FLOW.INPUT_OFF);
        return 0;
      }();
    default:
      return fail(E.EINVAL);
  }
}

/** Who controls, and who may: sessions and process groups. @param outside from the other side of a pseudo-terminal */
function controlRequest(
  process: Process,
  tty: Tty,
  request: number,
  argument: number | Uint8Array,
  outside: boolean,
): Blocking<number> {
  const bytes = argument as Uint8Array;
  const controls = controllingTerminal(process) === tty;
  switch (request) {
    case TIOC.SCTTY:
      takeTerminal(process, tty, argument === 1);
      return 0;
    case TIOC.NOTTY:
      if (!controls) fail(E.ENOTTY);
      // Only with its leader does the whole session lose it.
      if (process.pid === process.session) dropTerminal(process.kernel, tty);
      return 0;
    case TIOC.GPGRP:
      if (!controls && !outside) fail(E.ENOTTY);
      putInt(bytes, 0, tty.foreground);
      return 0;
    case TIOC.SPGRP: {
      if (!controls) fail(E.ENOTTY);
      const group = getInt(bytes, 0);
      if (group < 0) fail(E.EINVAL);
      const members = [...process.kernel.all].filter((each) => each.group === group);
      if (members.length === 0) fail(E.ESRCH);
      if (!members.some((each) => each.session === tty.session)) fail(E.EPERM);
      tty.foreground = group;
      return 0;
    }
    case TIOC.GSID:
      if (!controls && !outside || tty.session === 0) fail(E.ENOTTY);
      putInt(bytes, 0, tty.session);
      return 0;
    case TIOC.STI:
      if (process.identity.euid !== 0 && !controls) fail(E.EPERM);
      return function* () {
        yield* finish(tty.receive(bytes));
        return 0;
      }();
    default:
      return fail(E.ENOTTY);
  }
}
