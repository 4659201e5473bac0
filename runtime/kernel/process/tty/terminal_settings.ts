// Requests of ioctl(2) about the settings of a terminal (ioctl_tty(2)), in the three shapes that they come in, and
// about those that are locked (TIOCSLCKTRMIOS(2const)).
import { E, fail } from "../../errno.ts";
import { getInt, putInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { T, TERMIOS_BYTES } from "./termios.ts";
import type { Tty } from "./tty.ts";

const TERMIOS = {
  GET: 0x5401,
  SET: 0x5402,
  SET_WAIT: 0x5403,
  SET_FLUSH: 0x5404,
  GET_OLD: 0x5405,
  SET_OLD: 0x5406,
  SET_OLD_WAIT: 0x5407,
  SET_OLD_FLUSH: 0x5408,
  GET_LOCKED: 0x5456,
  SET_LOCKED: 0x5457,
  GET2: 0x802c_542a,
  SET2: 0x402c_542b,
  SET2_WAIT: 0x402c_542c,
  SET2_FLUSH: 0x402c_542d,
} as const;
/** Speeds of `struct termios2`, bits a second: where they are, and what they are. */
const SPEEDS_AT = [36, 40], SPEED = 38400;
/** The flags, in the order that `struct termio` has their lower halves in; then come line and characters. */
const FLAGS = [T.IFLAG, T.OFLAG, T.CFLAG, T.LFLAG];
const OLD = { LINE: 8, CHARACTERS: 9, MOST_CHARACTERS: 8 } as const;

/** Requests that change settings, which somebody in the background must not. */
export const CHANGES_SETTINGS: readonly number[] = [
  ...[TERMIOS.SET, TERMIOS.SET_WAIT, TERMIOS.SET_FLUSH],
  ...[TERMIOS.SET_OLD, TERMIOS.SET_OLD_WAIT, TERMIOS.SET_OLD_FLUSH],
  ...[TERMIOS.SET2, TERMIOS.SET2_WAIT, TERMIOS.SET2_FLUSH],
];
const FLUSHES: readonly number[] = [TERMIOS.SET_FLUSH, TERMIOS.SET_OLD_FLUSH, TERMIOS.SET2_FLUSH];

/** @returns undefined for another request @throws Errno EPERM unless root locks settings */
export function settingsRequest(
  process: Process,
  tty: Tty,
  request: number,
  bytes: Uint8Array,
): number | undefined {
  const { discipline } = tty;
  switch (request) {
    case TERMIOS.GET:
    case TERMIOS.GET2:
      bytes.set(discipline.termios);
      if (request === TERMIOS.GET2) { for (const at of SPEEDS_AT) putInt(bytes, at, SPEED); }
      return 0;
    case TERMIOS.GET_OLD:
      bytes.set(toOld(discipline.termios));
      return 0;
    case TERMIOS.GET_LOCKED:
      bytes.set(tty.lockedSettings);
      return 0;
    case TERMIOS.SET_LOCKED:
      if (process.identity.euid !== 0) fail(E.EPERM);
      tty.lockedSettings.set(bytes);
      return 0;
  }
  if (!CHANGES_SETTINGS.includes(request)) return undefined;
  const old = request >= TERMIOS.SET_OLD && request <= TERMIOS.SET_OLD_FLUSH;
  const wanted = old ? fromOld(bytes, discipline.termios) : bytes.subarray(0, TERMIOS_BYTES);
  if (FLUSHES.includes(request)) discipline.flushInput();
  discipline.set(unlockedOf(wanted, discipline.termios, tty.lockedSettings));
  return 0;
}

/** The lower halves of the flags, and the first characters. */
function toOld(termios: Uint8Array): Uint8Array {
  const old = new Uint8Array(OLD.CHARACTERS + OLD.MOST_CHARACTERS);
  FLAGS.forEach((at, index) => old.set(termios.subarray(at, at + 2), index * 2));
  const rest = termios.subarray(T.CHARACTERS - 1, T.CHARACTERS + OLD.MOST_CHARACTERS);
  old.set(rest, OLD.LINE);
  return old;
}

/** @param rest what `struct termio` has no room for */
function fromOld(old: Uint8Array, rest: Uint8Array): Uint8Array {
  const termios = rest.slice();
  FLAGS.forEach((at, index) => termios.set(old.subarray(index * 2, index * 2 + 2), at));
  termios.set(old.subarray(OLD.LINE, OLD.CHARACTERS + OLD.MOST_CHARACTERS), T.CHARACTERS - 1);
  return termios;
}

/** Settings as they are wanted, but for what is locked: bits of flags, and bytes after them. */
function unlockedOf(wanted: Uint8Array, current: Uint8Array, locked: Uint8Array): Uint8Array {
  const settings = wanted.slice();
  for (const at of FLAGS) {
    const held = getInt(locked, at);
    putInt(settings, at, getInt(current, at) & held | getInt(wanted, at) & ~held);
  }
  for (let at = T.CHARACTERS - 1; at < TERMIOS_BYTES; at++) {
    if (locked[at] !== 0) settings[at] = current[at];
  }
  return settings;
}
