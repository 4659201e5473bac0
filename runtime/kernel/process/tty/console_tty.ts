// The terminal of a program of the manifest, or of a session: on a console's characters.
import { type Coroutine, finish } from "../../coroutine.ts";
import type { FileDescription } from "../file/description.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { SIG } from "../signal/signal.ts";
import { Tty, TtyDescription, type WindowSize } from "./tty.ts";

/** Of the device numbers of /dev/hvc0 and the others. */
const CONSOLE_MAJOR = 229;

export class ConsoleTty extends Tty {
  #over = false;

  /**
   * @param characters what comes from the console, and goes there
   * @param port of the console
   * @param size how much it shows
   */
  constructor(
    kernel: ProcessKernel,
    private readonly characters: FileDescription,
    port: number,
    session: number,
    size: () => WindowSize,
  ) {
    const screen = { room: Infinity, show: (bytes: Uint8Array) => characters.write(bytes) };
    super(kernel, screen, CONSOLE_MAJOR << 8 | port, size);
    this.session = this.foreground = session;
    kernel.terminals.set(session, this);
    kernel.environment.tasks.spawn(this.#take());
  }

  override get over(): boolean {
    return this.#over;
  }

  /** A descriptor of it. The console stays open when that is closed: the terminal reads ahead. */
  describe(flags: number): TtyDescription {
    return new TtyDescription(this, flags, this.characters);
  }

  /** Reads ahead, so that keys have their effect while no program reads. */
  *#take(): Coroutine<void> {
    const bytes = new Uint8Array(256);
    for (;;) {
      const count = yield* finish(this.characters.read(bytes));
      if (count <= 0) break;
      yield* this.receive(bytes.subarray(0, count));
    }
    this.#over = true;
    this.changed.wakeAll();
    this.signal(SIG.HUP);
  }
}
