// Pseudo-terminals (pty(7)): a terminal whose other side is a descriptor, and their names below /dev/pts.
import type { Coroutine, WaitQueue } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import { MemoryFileSystem } from "../../storage/tmpfs/tmpfs.ts";
import { O, POLL } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { FileServer } from "../../vfs/vfs.ts";
import { FileDescription } from "../file/description.ts";
import { hangUp } from "./job_control.ts";
import { Pipe } from "../pipe/pipe.ts";
import type { Process } from "../process.ts";
import { Tty } from "./tty.ts";

/** As devpts is known by. */
const DEVPTS_MAGIC = 0x1cd1;
const NAMES_BYTES = 1 << 20;
export const PTS_MAJOR = 136;
/** Minor numbers are eight bits here. */
const MOST_PTYS = 256;
/** The group "tty" of Debian: its members may write to terminals of others, as mesg(1) lets them. */
const TTY_GROUP = 5;
/** Of a terminal whose other side has not said how much it shows. */
const NO_SIZE = { rows: 0, columns: 0 };
/** What TIOCPKT puts before data. */
const PACKET_DATA = 0;

/** The side of a pseudo-terminal that programs are on. */
export class PseudoTerminal extends Tty {
  /** descriptors that have it open and have not lost it; and whether there was one */
  #open = 0;
  #opened = false;
  locked = true;

  constructor(process: Process, readonly number: number, readonly output: Pipe) {
    super(
      process.kernel,
      {
        get room() {
          return output.room;
        },
        show: (bytes) => output.put(bytes),
        discard: () => output.consume(output.available),
      },
      PTS_MAJOR << 8 | number,
      () => NO_SIZE,
      output.readiness,
    );
  }

  override opened(): void {
    this.#open++;
    this.#opened = true;
    this.changed.wakeAll();
  }

  override closed(): void {
    this.#open--;
    this.changed.wakeAll();
  }

  override hangUp(): void {
    this.#open = 0;
    super.hangUp();
  }

  /** whether programs had it open, and none has any more */
  get left(): boolean {
    return this.#opened && this.#open === 0;
  }
}

/** The other side: who shows what programs write, and types. */
export class MasterDescription extends FileDescription {
  override readonly readiness: WaitQueue;
  /** reads begin with a byte that says what they are (TIOCPKT) */
  packets = false;

  constructor(
    readonly tty: PseudoTerminal,
    private readonly table: PtyTable,
    file: FileDescription,
  ) {
    super(...file.parts);
    this.readiness = tty.changed;
  }

  get #nonblocking(): boolean {
    return (this.flags & O.NONBLOCK) !== 0;
  }

  /** @throws Errno EIO once programs have left, and everything was read */
  override *read(into: Uint8Array): Coroutine<number> {
    const { output, changed } = this.tty;
    while (output.available === 0) {
      if (this.tty.left) fail(E.EIO);
      if (this.#nonblocking) fail(E.EAGAIN);
      yield changed;
    }
    const head = this.packets ? 1 : 0;
    if (into.length <= head) return 0;
    if (this.packets) into[0] = PACKET_DATA;
    const count = output.peek(into.subarray(head));
    output.consume(count);
    return head + count;
  }

  override *write(from: Uint8Array): Coroutine<number> {
    const { discipline, changed } = this.tty;
    for (let done = 0; done < from.length;) {
      const { room } = discipline;
      if (room <= 0) {
        if (this.#nonblocking) return done > 0 ? done : fail(E.EAGAIN);
        yield changed;
        continue;
      }
      const part = from.subarray(done, done + room);
      yield* this.tty.receive(part);
      done += part.length;
    }
    return from.length;
  }

  available(): number {
    return this.tty.output.available;
  }

  override poll(events: number): number {
    const { output, discipline, left } = this.tty;
    return (output.available > 0 ? events & POLL.IN : 0) |
      (discipline.room > 0 ? events & POLL.OUT : 0) | (left ? POLL.HUP : 0);
  }

  override *release(): Coroutine<void> {
    this.table.remove(this.tty);
    hangUp(this.tty.kernel, this.tty);
    yield* super.release();
  }
}

export class PtyTable {
  readonly #ptys = new Map<number, PseudoTerminal>();
  readonly #filesystem: MemoryFileSystem;
  /** serves /dev/pts */
  readonly server: FileServer;

  constructor(environment: Environment) {
    this.#filesystem = new MemoryFileSystem("devpts", environment, DEVPTS_MAGIC, NAMES_BYTES);
    this.server = new FileServer([this.#filesystem], environment);
  }

  get(number: number): PseudoTerminal | undefined {
    return this.#ptys.get(number);
  }

  /** Makes a pseudo-terminal, which gets a name. @param file an open /dev/ptmx @throws Errno ENOSPC */
  open(process: Process, file: FileDescription): MasterDescription {
    let number = 0;
    while (this.#ptys.has(number)) number++;
    if (number >= MOST_PTYS) fail(E.ENOSPC);
    const tty = new PseudoTerminal(process, number, new Pipe());
    const { uid } = process.credential;
    const rdev = PTS_MAJOR << 8 | number;
    const made = { mode: S.IFCHR | 0o620, uid, gid: TTY_GROUP, rdev };
    const inode = this.#filesystem.newInode(made);
    this.#filesystem.root.attach(String(number), inode);
    this.#ptys.set(number, tty);
    return new MasterDescription(tty, this, file);
  }

  remove({ number }: PseudoTerminal): void {
    this.#ptys.delete(number);
    this.#filesystem.root.unlink(String(number));
  }
}
