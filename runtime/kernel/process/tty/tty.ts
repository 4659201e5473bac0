// Terminals, whoever has them open: a line discipline between what comes from the other side and what programs
// read, and rules about who may.
import { type Blocking, type Coroutine, finish, WaitQueue } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { O, POLL } from "../../vfs/constants.ts";
import { FileDescription } from "../file/description.ts";
import { demandForeground } from "./job_control.ts";
import { LineDiscipline } from "./line_discipline.ts";
import type { Process } from "../process.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { SI, SIG } from "../signal/signal.ts";
import { signalGroup } from "../signal/sys_signal.ts";
import { has, L, T, TERMIOS_BYTES } from "./termios.ts";

export interface WindowSize {
  rows: number;
  columns: number;
}

/** Where a terminal shows what programs write. */
export interface Screen {
  /** bytes that it takes now; infinity where writing waits by itself */
  readonly room: number;
  /** Shows bytes, all of them. */
  show(bytes: Uint8Array): Blocking<unknown>;
  /** Forgets what it took and nobody has seen. */
  discard?(): void;
}

export class Tty {
  readonly discipline: LineDiscipline;
  /** session that it controls, and the process group that may use it and gets signals by keys; 0 for none */
  session = 0;
  foreground = 0;
  /** how often it was hung up: who opened it before that has lost it */
  hangUps = 0;
  /** TIOCEXCL: nobody but root may open it */
  exclusive = false;
  /** bits and bytes of its settings that nobody changes, as `struct termios` */
  readonly lockedSettings = new Uint8Array(TERMIOS_BYTES);

  /**
   * @param device its number
   * @param size how much it shows
   * @param changed woken when there is more to read, or room to write, or it was hung up
   */
  constructor(
    readonly kernel: ProcessKernel,
    private readonly screen: Screen,
    readonly device: number,
    public size: () => WindowSize,
    readonly changed = new WaitQueue(true),
  ) {
    this.discipline = new LineDiscipline(
      this.changed,
      (signal) => this.signal(signal),
      () => screen.discard?.(),
    );
  }

  /** Sends a signal to the foreground. */
  signal(signal: number): void {
    if (this.foreground === 0) return;
    signalGroup(this.kernel, this.foreground, { signal, code: SI.KERNEL, pid: 0, uid: 0 });
  }

  /** Takes keys, and shows what is to be shown of them. */
  *receive(bytes: Uint8Array): Coroutine<void> {
    const echo = this.discipline.receive(bytes);
    if (echo.length === 0) return;
    const shown = this.discipline.process(Uint8Array.from(echo));
    // Keys of somebody who does not look must not wait.
    if (shown.length <= this.screen.room) yield* finish(this.screen.show(shown));
  }

  /** @param ended whether nothing comes any more */
  *read(into: Uint8Array, nonblocking: boolean, ended: () => boolean): Coroutine<number> {
    const { environment } = this.kernel;
    const { discipline } = this;
    const count = yield* discipline.read(into, nonblocking, {
      tasks: environment.tasks,
      nowNs: () => environment.nowNs(),
    }, ended);
    const goOn = discipline.unthrottled();
    if (goOn !== undefined) yield* finish(this.screen.show(Uint8Array.of(goOn)));
    return count;
  }

  /** @param lost whether the writer has lost the terminal @throws Errno EIO, EAGAIN */
  *write(from: Uint8Array, nonblocking: boolean, lost: () => boolean): Coroutine<number> {
    let done = 0;
    try {
      while (done < from.length) {
        if (lost()) fail(E.EIO);
        // A byte may become two.
        const room = this.discipline.stopped ? 0 : Math.floor(this.screen.room / 2);
        if (room === 0) {
          if (nonblocking) fail(E.EAGAIN);
          yield this.changed;
          continue;
        }
        const part = from.subarray(done, done + room);
        yield* finish(this.screen.show(this.discipline.process(part)));
        done += part.length;
      }
    } catch (failure) {
      if (done === 0 || !(failure instanceof Errno)) throw failure;
    }
    return done;
  }

  /** Sends the other side what asks it to stop, or to go on. */
  *sendFlow(stops: boolean): Coroutine<void> {
    yield* finish(this.screen.show(Uint8Array.of(this.discipline.flowCharacter(stops))));
  }

  /** Holds output up, or lets it go on. */
  stop(stopped: boolean): void {
    this.discipline.stopped = stopped;
    this.changed.wakeAll();
  }

  /** Forgets what programs wrote and nobody has seen. */
  discardOutput(): void {
    this.screen.discard?.();
  }

  /** Who has it open loses it. */
  hangUp(): void {
    this.hangUps++;
    this.discipline.flushInput();
    this.discipline.stopped = false;
    this.changed.wakeAll();
  }

  /** A descriptor has it open from now on. */
  opened(): void {}

  /** A descriptor that had it open, and had not lost it, is closed. */
  closed(): void {}

  /** The size has changed. */
  resized(): void {
    this.signal(SIG.WINCH);
  }

  /** whether nothing comes from the other side any more */
  get over(): boolean {
    return false;
  }
}

/** An open terminal. */
export class TtyDescription extends FileDescription {
  override readonly readiness: WaitQueue;
  readonly #hangUps: number;

  /** @param file what was opened, which is this one's from now on; not for a terminal that nobody opened */
  constructor(
    readonly tty: Tty,
    flags: number,
    place: FileDescription,
    private readonly own = false,
  ) {
    super(...place.parts);
    this.flags = flags;
    this.readiness = tty.changed;
    this.#hangUps = tty.hangUps;
  }

  /** whether it was hung up since it was opened */
  get lost(): boolean {
    return this.tty.hangUps !== this.#hangUps;
  }

  override *read(into: Uint8Array, reader?: Process): Coroutine<number> {
    if ((this.flags & O.ACCMODE) === O.WRONLY) fail(E.EBADF);
    if (this.lost) return 0;
    const ended = () => this.lost || this.tty.over;
    if (reader !== undefined) demandForeground(reader, this.tty, SIG.TTIN);
    return yield* this.tty.read(into, (this.flags & O.NONBLOCK) !== 0, ended);
  }

  override write(from: Uint8Array, writer?: Process): Coroutine<number> {
    if ((this.flags & O.ACCMODE) === O.RDONLY) fail(E.EBADF);
    const { tty } = this;
    const stops = writer !== undefined && has(tty.discipline.termios, T.LFLAG, L.TOSTOP);
    if (stops) demandForeground(writer, tty, SIG.TTOU);
    return tty.write(from, (this.flags & O.NONBLOCK) !== 0, () => this.lost);
  }

  available(): number {
    return this.tty.discipline.available;
  }

  override poll(events: number): number {
    const { discipline, over } = this.tty;
    if (this.lost) return events & (POLL.IN | POLL.OUT) | POLL.ERR | POLL.HUP;
    return (discipline.readable || over ? events & POLL.IN : 0) |
      (discipline.stopped ? 0 : events & POLL.OUT) | (over ? POLL.HUP : 0);
  }

  override *release(): Coroutine<void> {
    if (!this.lost) this.tty.closed();
    if (this.own) yield* super.release();
  }
}
