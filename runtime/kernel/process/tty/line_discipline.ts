// The line discipline of terminals (termios(3), n_tty): what becomes of keys before programs read them, and of
// what programs write before it is shown. Lines are edited, keys raise signals and hold output up.
import type { Coroutine, Tasks, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { SIG } from "../signal/signal.ts";
import { C, has, I, L, OUT, sane, T, TERMIOS_BYTES } from "./termios.ts";

const CR = 13, LF = 10, TAB = 9, BACKSPACE = 8, SPACE = 32, DELETE = 127, CARET = 94;
/** What waits to be read, at most; keys beyond are lost, as they are on Linux. */
const MAX_INPUT_BYTES = 4096;
/** With IXOFF the sender is asked to stop with so little room left, and to go on with so much. */
const THROTTLE_ROOM = 256, UNTHROTTLE_ROOM = 2048;
/** VTIME counts tenths of a second. */
const NS_PER_TENTH = 1e8;

/** The clock that reads wait by, and what wakes them. */
export interface ReadTimes {
  tasks: Tasks;
  nowNs(): number;
}

export class LineDiscipline {
  termios = sane();
  /** output is held up: by a key, or by a program */
  stopped = false;
  /** what can be read; and where lines are edited, the line that is, and the lengths of those that can be read */
  #ready: number[] = [];
  #line: number[] = [];
  #lines: number[] = [];
  /** the next key is taken as it is */
  #literal = false;
  #throttled = false;

  /**
   * @param changed woken when there is more to read, or room
   * @param signal sends one to the foreground
   * @param discardOutput forgets what programs wrote and nobody has seen
   */
  constructor(
    private readonly changed: WaitQueue,
    private readonly signal: (number: number) => void,
    private readonly discardOutput: () => void,
  ) {}

  #flag(word: number, bit: number): boolean {
    return has(this.termios, word, bit);
  }

  #character(index: number): number {
    return this.termios[T.CHARACTERS + index];
  }

  #isCharacter(index: number, byte: number): boolean {
    const character = this.#character(index);
    return character !== 0 && character === byte;
  }

  get canonical(): boolean {
    return this.#flag(T.LFLAG, L.ICANON);
  }

  /** Keys that there is room for; endless where what does not fit is lost, so that a line can be ended. */
  get room(): number {
    if (this.canonical && this.#lines.length === 0) return Infinity;
    return MAX_INPUT_BYTES - this.#ready.length - this.#line.length;
  }

  /** Takes keys. @returns what is to be shown of them, before output is processed */
  receive(bytes: Uint8Array): number[] {
    const echo: number[] = [];
    for (const byte of bytes) this.#key(byte, echo);
    if (this.#flag(T.IFLAG, I.IXOFF) && !this.#throttled && this.room < THROTTLE_ROOM) {
      this.#throttled = true;
      echo.push(this.#character(C.STOP));
    }
    this.changed.wakeAll();
    return echo;
  }

  #key(byte: number, echo: number[]): void {
    if (this.#flag(T.IFLAG, I.ISTRIP)) byte &= 0x7f;
    if (this.#literal) {
      this.#literal = false;
      return this.#add(byte, echo);
    }
    if (this.#flag(T.IFLAG, I.IXON) && this.#flow(byte)) return;
    if (this.#flag(T.LFLAG, L.ISIG) && this.#raises(byte, echo)) return;
    if (byte === CR) {
      if (this.#flag(T.IFLAG, I.IGNCR)) return;
      if (this.#flag(T.IFLAG, I.ICRNL)) byte = LF;
    } else if (byte === LF && this.#flag(T.IFLAG, I.INLCR)) byte = CR;
    if (this.canonical) this.#edit(byte, echo);
    else this.#add(byte, echo);
  }

  /** Keys that hold output up and let it go on. @returns whether that is all they do */
  #flow(byte: number): boolean {
    if (this.#isCharacter(C.START, byte)) {
      this.stopped = false;
      return true;
    }
    if (this.#isCharacter(C.STOP, byte)) {
      this.stopped = true;
      return true;
    }
    if (this.#flag(T.IFLAG, I.IXANY)) this.stopped = false;
    return false;
  }

  #raises(byte: number, echo: number[]): boolean {
    const keys = [[C.INTR, SIG.INT], [C.QUIT, SIG.QUIT], [C.SUSP, SIG.TSTP]];
    const key = keys.find(([index]) => this.#isCharacter(index, byte));
    if (key === undefined) return false;
    if (!this.#flag(T.LFLAG, L.NOFLSH)) {
      this.flushInput();
      this.discardOutput();
      echo.length = 0;
    }
    this.stopped = false;
    this.#echo(byte, echo);
    this.signal(key[1]);
    return true;
  }

  /** A key that becomes input. */
  #add(byte: number, echo: number[]): void {
    const into = this.canonical ? this.#line : this.#ready;
    if (this.#ready.length + this.#line.length >= MAX_INPUT_BYTES) return;
    into.push(byte);
    this.#echo(byte, echo);
  }

  /** A key while lines are edited. */
  #edit(byte: number, echo: number[]): void {
    const line = this.#line;
    const extended = this.#flag(T.LFLAG, L.IEXTEN);
    if (this.#isCharacter(C.ERASE, byte)) return this.#erase(1, echo);
    if (this.#isCharacter(C.KILL, byte)) return this.#kill(echo);
    if (extended && this.#isCharacter(C.WERASE, byte)) {
      let count = 0;
      while (count < line.length && line[line.length - 1 - count] === SPACE) count++;
      while (count < line.length && line[line.length - 1 - count] !== SPACE) count++;
      return this.#erase(count, echo);
    }
    if (extended && this.#isCharacter(C.LNEXT, byte)) {
      this.#literal = true;
      if (this.#flag(T.LFLAG, L.ECHO) && this.#flag(T.LFLAG, L.ECHOCTL)) {
        echo.push(CARET, BACKSPACE);
      }
      return;
    }
    if (extended && this.#isCharacter(C.REPRINT, byte) && this.#flag(T.LFLAG, L.ECHO)) {
      this.#echo(byte, echo);
      echo.push(LF);
      for (const each of line) this.#echo(each, echo);
      return;
    }
    if (this.#isCharacter(C.EOF, byte)) return this.#endLine();
    const ends = byte === LF || this.#isCharacter(C.EOL, byte) || this.#isCharacter(C.EOL2, byte);
    // The last place is for what ends the line.
    if (line.length + this.#ready.length >= MAX_INPUT_BYTES - (ends ? 0 : 1)) return;
    line.push(byte);
    if (byte === LF) {
      if (this.#flag(T.LFLAG, L.ECHO) || this.#flag(T.LFLAG, L.ECHONL)) echo.push(LF);
    } else this.#echo(byte, echo);
    if (ends) this.#endLine();
  }

  #endLine(): void {
    for (const byte of this.#line) this.#ready.push(byte);
    this.#lines.push(this.#line.length);
    this.#line.length = 0;
  }

  #kill(echo: number[]): void {
    if (this.#flag(T.LFLAG, L.ECHOKE) && this.#flag(T.LFLAG, L.ECHOE)) {
      return this.#erase(this.#line.length, echo);
    }
    this.#line.length = 0;
    this.#echo(this.#character(C.KILL), echo);
    if (this.#flag(T.LFLAG, L.ECHOK) && this.#flag(T.LFLAG, L.ECHO)) echo.push(LF);
  }

  #erase(characters: number, echo: number[]): void {
    for (; characters > 0 && this.#line.length > 0; characters--) {
      let byte = this.#line.pop()!;
      // The bytes of a character of UTF-8 go together.
      while ((byte & 0xc0) === 0x80 && this.#line.length > 0) byte = this.#line.pop()!;
      if (!this.#flag(T.LFLAG, L.ECHO)) continue;
      if (!this.#flag(T.LFLAG, L.ECHOE)) {
        this.#echo(this.#character(C.ERASE), echo);
        continue;
      }
      const width = byte < SPACE || byte === DELETE ? 2 : 1;
      for (let column = 0; column < width; column++) echo.push(BACKSPACE, SPACE, BACKSPACE);
    }
  }

  #echo(byte: number, echo: number[]): void {
    if (!this.#flag(T.LFLAG, L.ECHO)) return;
    const control = byte < SPACE && byte !== LF && byte !== TAB || byte === DELETE;
    if (control && this.#flag(T.LFLAG, L.ECHOCTL)) echo.push(CARET, byte ^ 64);
    else echo.push(byte);
  }

  /** Forgets what was typed and not read. */
  flushInput(): void {
    this.#ready.length = this.#line.length = this.#lines.length = 0;
    this.changed.wakeAll();
  }

  /** Other settings: what was typed under the old ones stays. */
  set(termios: Uint8Array): void {
    const { canonical } = this;
    this.termios = termios.slice(0, TERMIOS_BYTES);
    if (!this.#flag(T.IFLAG, I.IXON)) this.stopped = false;
    if (this.canonical !== canonical) {
      if (canonical) {
        for (const byte of this.#line) this.#ready.push(byte);
        this.#line.length = this.#lines.length = 0;
      } else if (this.#ready.length > 0) this.#lines.push(this.#ready.length);
    }
    this.changed.wakeAll();
  }

  /** bytes that a read would get */
  get available(): number {
    return this.canonical ? this.#lines[0] ?? 0 : this.#ready.length;
  }

  /** Whether poll(2) says that there is something to read. */
  get readable(): boolean {
    if (this.canonical) return this.#lines.length > 0;
    const least = this.#character(C.TIME) === 0 ? this.#character(C.MIN) : 0;
    return this.#ready.length >= Math.max(1, least);
  }

  #take(into: Uint8Array): number {
    const { canonical } = this;
    const count = Math.min(into.length, this.available);
    into.set(this.#ready.splice(0, count));
    if (canonical && this.#lines.length > 0) {
      this.#lines[0] -= count;
      if (this.#lines[0] === 0) this.#lines.shift();
    }
    this.changed.wakeAll();
    return count;
  }

  /**
   * Reads a line; or, where none are edited, as MIN and TIME say.
   * @param ended whether nothing comes any more
   * @throws Errno EAGAIN
   */
  *read(
    into: Uint8Array,
    nonblocking: boolean,
    { tasks, nowNs }: ReadTimes,
    ended: () => boolean,
  ): Coroutine<number> {
    let deadline = Infinity, seen = 0;
    for (;;) {
      const have = this.#ready.length;
      const least = this.#character(C.MIN), waitNs = this.#character(C.TIME) * NS_PER_TENTH;
      if (this.canonical) {
        if (this.#lines.length > 0) return this.#take(into);
      } else {
        if (have > 0 && have >= Math.min(least, into.length)) return this.#take(into);
        if (least === 0 && waitNs === 0) return 0;
        // Without MIN the time runs from the start; with it, from each character to the next.
        if (waitNs > 0 && (least === 0 ? deadline === Infinity : have > seen)) {
          deadline = nowNs() + waitNs;
          seen = have;
        }
        if (nowNs() >= deadline) return this.#take(into);
      }
      if (ended()) return this.#take(into);
      if (nonblocking) return !this.canonical && have > 0 ? this.#take(into) : fail(E.EAGAIN);
      const cancel = deadline === Infinity ? undefined : tasks.wakeAt(deadline, this.changed);
      try {
        yield this.changed;
      } finally {
        cancel?.();
      }
    }
  }

  /** Whether the sender, who was asked to stop, may go on. @returns the character that says so */
  unthrottled(): number | undefined {
    if (!this.#throttled || this.room < UNTHROTTLE_ROOM) return undefined;
    this.#throttled = false;
    return this.#character(C.START);
  }

  /** The character that asks the sender to stop, or to go on. */
  flowCharacter(stops: boolean): number {
    return this.#character(stops ? C.STOP : C.START);
  }

  /** What is shown of output: at most twice as much. */
  process(from: Uint8Array): Uint8Array {
    const newlines = this.#flag(T.OFLAG, OUT.ONLCR), returns = this.#flag(T.OFLAG, OUT.OCRNL);
    if (!this.#flag(T.OFLAG, OUT.OPOST) || !newlines && !returns) return from;
    if (!returns && !from.includes(LF)) return from;
    const out: number[] = [];
    for (const byte of from) {
      if (byte === LF && newlines) out.push(CR, LF);
      else out.push(byte === CR && returns ? LF : byte);
    }
    return Uint8Array.from(out);
  }
}
