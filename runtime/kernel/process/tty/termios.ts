// `struct termios` of Linux (termios(3)): where its fields are, the flags that mean something here, and what a
// terminal begins with.
import { getInt, putInt } from "../little_endian.ts";

export const TERMIOS_BYTES = 36;
/** Offsets in `struct termios` of the kernel. */
export const T = { IFLAG: 0, OFLAG: 4, CFLAG: 8, LFLAG: 12, CHARACTERS: 17 } as const;
/** Flags of input. */
export const I = {
  ISTRIP: 0o40,
  INLCR: 0o100,
  IGNCR: 0o200,
  ICRNL: 0o400,
  IXON: 0o2000,
  IXANY: 0o4000,
  IXOFF: 0o10000,
} as const;
/** Flags of output. */
export const OUT = { OPOST: 1, ONLCR: 4, OCRNL: 8, ONLRET: 0o40 } as const;
/** Local flags. */
export const L = {
  ISIG: 1,
  ICANON: 2,
  ECHO: 0o10,
  ECHOE: 0o20,
  ECHOK: 0o40,
  ECHONL: 0o100,
  NOFLSH: 0o200,
  TOSTOP: 0o400,
  ECHOCTL: 0o1000,
  ECHOKE: 0o4000,
  IEXTEN: 0o100000,
} as const;
/** Indices of special characters. */
export const C = {
  INTR: 0,
  QUIT: 1,
  ERASE: 2,
  KILL: 3,
  EOF: 4,
  TIME: 5,
  MIN: 6,
  START: 8,
  STOP: 9,
  SUSP: 10,
  EOL: 11,
  REPRINT: 12,
  WERASE: 14,
  LNEXT: 15,
  EOL2: 16,
} as const;
/** ^C ^\ DEL ^U ^D, no time, one character, ^Q ^S ^Z, ^R ^O ^W ^V */
const CHARACTERS = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0];
/** CS8, CREAD and 38400 bits a second. */
const CONTROL = 0o277;

/** The settings of a terminal that nobody has changed. */
export function sane(): Uint8Array {
  const termios = new Uint8Array(TERMIOS_BYTES);
  putInt(termios, T.IFLAG, I.ICRNL | I.IXON);
  putInt(termios, T.OFLAG, OUT.OPOST | OUT.ONLCR);
  putInt(termios, T.CFLAG, CONTROL);
  const local = L.ISIG | L.ICANON | L.ECHO | L.ECHOE | L.ECHOK | L.ECHOCTL | L.ECHOKE | L.IEXTEN;
  putInt(termios, T.LFLAG, local);
  termios.set(CHARACTERS, T.CHARACTERS);
  return termios;
}

/** Whether a bit of a word of the settings is set. */
export function has(termios: Uint8Array, word: number, bit: number): boolean {
  return (getInt(termios, word) & bit) !== 0;
}
