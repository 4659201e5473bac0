// Terminals: the line discipline between a console's characters and the programs that read and write them
// (termios(3), n_tty): editing of lines, echo, signals by keys, translation of line ends.
import { type Coroutine, finish, WaitQueue } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import { O, POLL } from "../vfs/constants.ts";
import { FileDescription } from "./description.ts";
import { getInt, putInt } from "./little_endian.ts";
import type { ProcessKernel } from "./process.ts";
import { SI, SIG } from "./signal.ts";
import { signalGroup } from "./sys_signal.ts";

export const TERMIOS_BYTES = 36;
/** Offsets in `struct termios` of the kernel. */
const T = { IFLAG: 0, OFLAG: 4, CFLAG: 8, LFLAG: 12, CHARACTERS: 17 } as const;
const I = { INLCR: 0o100, IGNCR: 0o200, ICRNL: 0o400, IXON: 0o2000 } as const;
const OUT = { OPOST: 1, ONLCR: 4 } as const;
const L = {
  ISIG: 1,
  ICANON: 2,
  ECHO: 0o10,
  ECHOE: 0o20,
  ECHOK: 0o40,
  ECHONL: 0o100,
  NOFLSH: 0o200,
  ECHOCTL: 0o1000,
  ECHOKE: 0o4000,
  IEXTEN: 0o100000,
} as const;
/** Indices of special characters. */
const C = {
  INTR: 0,
  QUIT: 1,
  ERASE: 2,
  KILL: 3,
  EOF: 4,
  MIN: 6,
  SUSP: 10,
  EOL: 11,
  WERASE: 14,
  EOL2: 16,
} as const;
/** ^C ^\ DEL ^U ^D, no time, one character, ^Q ^S ^Z, ^R ^O ^W ^V */
const CHARACTERS = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0];
const CR = 13, LF = 10, BACKSPACE = 8, SPACE = 32, DELETE = 127;
/** What waits to be read, at most; keys beyond are lost, as they are on Linux. */
const MAX_INPUT_BYTES = 4096;

function sane(): Uint8Array {
  const termios = new Uint8Array(TERMIOS_BYTES);
  putInt(termios, T.IFLAG, I.ICRNL | I.IXON);
  putInt(termios, T.OFLAG, OUT.OPOST | OUT.ONLCR);
  putInt(termios, T.CFLAG, 0o277);
  const local = L.ISIG | L.ICANON | L.ECHO | L.ECHOE | L.ECHOK | L.ECHOCTL | L.ECHOKE | L.IEXTEN;
  putInt(termios, T.LFLAG, local);
  termios.set(CHARACTERS, T.CHARACTERS);
  return termios;
}

export interface WindowSize {
  rows: number;
  columns: number;
}

/** A terminal, whoever has it open. */
export class Tty {
  readonly readable = new WaitQueue(true);
  termios = sane();
  /** process group that keys send signals to, and session that it controls */
  foreground: number;
  /** what can be read; and where lines are edited, the line that is, and the lengths of those that can be read */
  #ready: number[] = [];
  #line: number[] = [];
  #lines: number[] = [];
  #closed = false;

  /**
   * @param characters what comes from the console, and goes there
   * @param size how much it shows
   */
  constructor(
    private readonly kernel: ProcessKernel,
    readonly characters: FileDescription,
    readonly session: number,
    public size: () => WindowSize,
  ) {
    this.foreground = session;
    kernel.terminals.set(session, this);
    kernel.environment.tasks.spawn(this.#take());
  }

  #flag(word: number, bit: number): boolean {
    return (getInt(this.termios, word) & bit) !== 0;
  }

  #isCharacter(index: number, byte: number): boolean {
    const character = this.termios[T.CHARACTERS + index];
    return character !== 0 && character === byte;
  }

  /** Reads ahead, so that keys have their effect while no program reads. */
  *#take(): Coroutine<void> {
    const bytes = new Uint8Array(256);
    for (;;) {
      const count = yield* finish(this.characters.read(bytes));
      if (count <= 0) break;
      const echo: number[] = [];
      for (let index = 0; index < count; index++) this.#key(bytes[index], echo);
      if (echo.length > 0) yield* this.write(Uint8Array.from(echo));
      this.readable.wakeAll();
    }
    this.#closed = true;
    this.readable.wakeAll();
    this.#signal(SIG.HUP);
  }

  #signal(signal: number): void {
    const { kernel } = this;
    signalGroup(kernel, this.foreground, { signal, code: SI.KERNEL, pid: 0, uid: 0 });
  }

  #key(byte: number, echo: number[]): void {
    if (byte === CR) {
      if (this.#flag(T.IFLAG, I.IGNCR)) return;
      if (this.#flag(T.IFLAG, I.ICRNL)) byte = LF;
    } else if (byte === LF && this.#flag(T.IFLAG, I.INLCR)) byte = CR;
    if (this.#flag(T.LFLAG, L.ISIG)) {
      const keys = [[C.INTR, SIG.INT], [C.QUIT, SIG.QUIT], [C.SUSP, SIG.TSTP]];
      const key = keys.find(([index]) => this.#isCharacter(index, byte));
      if (key !== undefined) {
        this.#echo(byte, echo);
        if (!this.#flag(T.LFLAG, L.NOFLSH)) this.flushInput();
        return this.#signal(key[1]);
      }
    }
    if (this.#flag(T.LFLAG, L.ICANON)) return this.#edit(byte, echo);
    if (this.#ready.length >= MAX_INPUT_BYTES) return;
    this.#ready.push(byte);
    this.#echo(byte, echo);
  }

  /** A key while lines are edited. */
  #edit(byte: number, echo: number[]): void {
    const line = this.#line;
    if (this.#isCharacter(C.ERASE, byte)) return this.#erase(1, echo);
    if (this.#isCharacter(C.KILL, byte)) return this.#erase(line.length, echo);
    if (this.#isCharacter(C.WERASE, byte) && this.#flag(T.LFLAG, L.IEXTEN)) {
      let count = 0;
      while (count < line.length && line[line.length - 1 - count] === SPACE) count++;
      while (count < line.length && line[line.length - 1 - count] !== SPACE) count++;
      return this.#erase(count, echo);
    }
    if (this.#isCharacter(C.EOF, byte)) return this.#endLine();
    if (line.length >= MAX_INPUT_BYTES) return;
    line.push(byte);
    const ends = byte === LF || this.#isCharacter(C.EOL, byte) || this.#isCharacter(C.EOL2, byte);
    if (byte === LF) {
      if (this.#flag(T.LFLAG, L.ECHO) || this.#flag(T.LFLAG, L.ECHONL)) echo.push(LF);
    } else this.#echo(byte, echo);
    if (ends) this.#endLine();
  }

  #endLine(): void {
    this.#ready.push(...this.#line);
    this.#lines.push(this.#line.length);
    this.#line.length = 0;
  }

  #erase(characters: number, echo: number[]): void {
    for (; characters > 0 && this.#line.length > 0; characters--) {
      let byte = this.#line.pop()!;
      // The bytes of a character of UTF-8 go together.
      while ((byte & 0xc0) === 0x80 && this.#line.length > 0) byte = this.#line.pop()!;
      if (!this.#flag(T.LFLAG, L.ECHO) || !this.#flag(T.LFLAG, L.ECHOE)) continue;
      const width = byte < SPACE || byte === DELETE ? 2 : 1;
      for (let column = 0; column < width; column++) echo.push(BACKSPACE, SPACE, BACKSPACE);
    }
  }

  #echo(byte: number, echo: number[]): void {
    if (!this.#flag(T.LFLAG, L.ECHO)) return;
    const control = byte < SPACE && byte !== LF && byte !== 9 || byte === DELETE;
    if (control && this.#flag(T.LFLAG, L.ECHOCTL)) echo.push(94, byte ^ 64);
    else echo.push(byte);
  }

  /** Forgets what was typed and not read. */
  flushInput(): void {
    this.#ready.length = this.#line.length = this.#lines.length = 0;
  }

  /** Other settings: what was typed under the old ones stays. */
  set(termios: Uint8Array): void {
    const canonical = this.#flag(T.LFLAG, L.ICANON);
    this.termios = termios.slice();
    if (this.#flag(T.LFLAG, L.ICANON) === canonical) return;
    if (canonical) {
      this.#ready.push(...this.#line);
      this.#line.length = this.#lines.length = 0;
    } else if (this.#ready.length > 0) this.#lines.push(this.#ready.length);
    this.readable.wakeAll();
  }

  /** bytes that a read would get */
  get available(): number {
    if (this.#flag(T.LFLAG, L.ICANON)) return this.#lines[0] ?? 0;
    return this.#ready.length;
  }

  get #mayRead(): boolean {
    if (this.#closed) return true;
    if (this.#flag(T.LFLAG, L.ICANON)) return this.#lines.length > 0;
    return this.#ready.length >= Math.max(1, this.termios[T.CHARACTERS + C.MIN]);
  }

  *read(into: Uint8Array, nonblocking: boolean): Coroutine<number> {
    while (!this.#mayRead) {
      if (nonblocking) fail(E.EAGAIN);
      // No least number of characters: what is there is enough.
      const least = this.termios[T.CHARACTERS + C.MIN];
      if (!this.#flag(T.LFLAG, L.ICANON) && least === 0) break;
      yield this.readable;
    }
    const canonical = this.#flag(T.LFLAG, L.ICANON);
    const count = Math.min(into.length, canonical ? this.available : this.#ready.length);
    into.set(this.#ready.splice(0, count));
    if (canonical && this.#lines.length > 0) {
      this.#lines[0] -= count;
      if (this.#lines[0] === 0) this.#lines.shift();
    }
    return count;
  }

  *write(from: Uint8Array): Coroutine<number> {
    if (!this.#flag(T.OFLAG, OUT.OPOST) || !this.#flag(T.OFLAG, OUT.ONLCR) || !from.includes(LF)) {
      return yield* finish(this.characters.write(from));
    }
    const out: number[] = [];
    for (const byte of from) {
      if (byte === LF) out.push(CR);
      out.push(byte);
    }
    yield* finish(this.characters.write(Uint8Array.from(out)));
    return from.length;
  }

  poll(events: number): number {
    return (this.#mayRead ? events & POLL.IN : 0) | events & POLL.OUT |
      (this.#closed ? POLL.HUP : 0);
  }

  /** The size has changed. */
  resized(): void {
    this.#signal(SIG.WINCH);
  }
}

/** An open terminal. */
export class TtyDescription extends FileDescription {
  override readonly readiness: WaitQueue;

  constructor(readonly tty: Tty, flags: number) {
    super(...tty.characters.parts);
    this.flags = flags;
    this.readiness = tty.readable;
  }

  override read(into: Uint8Array): Coroutine<number> {
    return this.tty.read(into, (this.flags & O.NONBLOCK) !== 0);
  }
  override write(from: Uint8Array): Coroutine<number> {
    return this.tty.write(from);
  }
  override poll(events: number): number {
    return this.tty.poll(events);
  }
  /** The console stays open: the terminal reads ahead. */
  override *release(): Coroutine<void> {}
}
