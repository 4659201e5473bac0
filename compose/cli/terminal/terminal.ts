// The host's terminal, while a program of the machine has it: keys go there as they are typed, and the
// machine learns how large it is.
import type { HostTerminal, RunningMachine, TerminalSize } from "../../../runtime/boot.ts";
import { EscapeKeys } from "./escape_keys.ts";

/** What a terminal is taken to be that does not say. */
const TYPE = "xterm", SIZE: TerminalSize = { columns: 80, rows: 24 };

export class Terminal {
  readonly host: HostTerminal = {
    type: Deno.env.get("TERM") || TYPE,
    size: sizeNow(),
    errors: Deno.stderr.isTerminal(),
  };
  #raw = false;

  /** The terminal that standard input and output are, where they are one. */
  static find(): Terminal | undefined {
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal() ? new Terminal() : undefined;
  }

  /** What is typed. @param leave called when whoever types wants to leave */
  input(leave: () => void): ReadableStream<Uint8Array> {
    const keys = new EscapeKeys(leave);
    return Deno.stdin.readable.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (typed, controller) => {
          // Until the program is there, the terminal is still the host's: no key has a second meaning.
          const kept = this.#raw ? keys.filter(typed) : typed;
          if (kept.length > 0) controller.enqueue(kept);
        },
      }),
    );
  }

  /** Gives the machine every key, Ctrl-C too, and tells it of changes of the size. */
  give(machine: Pick<RunningMachine, "resize">): void {
    this.#raw = true;
    Deno.stdin.setRaw(true, { cbreak: false });
    translateLineEnds(false);
    Deno.addSignalListener("SIGWINCH", () => machine.resize(sizeNow()));
    machine.resize(sizeNow());
  }

  /** The terminal is as it was. */
  takeBack(): void {
    if (!this.#raw) return;
    Deno.stdin.setRaw(false);
    translateLineEnds(true);
    this.#raw = false;
  }

  /** How a line of `compose` itself ends: while the machine has the terminal, nobody adds a return. */
  get lineEnd(): string {
    return this.#raw ? "\r\n" : "\n";
  }
}

/**
 * Whether the host makes a return and a line feed of each line feed. Programs that draw rely on the answer
 * that the terminal of the machine gives; raw mode of the host leaves it as it was.
 */
function translateLineEnds(on: boolean): void {
  try {
    const args = [on ? "opost" : "-opost"];
    new Deno.Command("stty", { args, stdin: "inherit", stdout: "null", stderr: "null" })
      .outputSync();
  } catch {
    // Without stty(1) there is one return too many.
  }
}

function sizeNow(): TerminalSize {
  try {
    const { columns, rows } = Deno.consoleSize();
    return columns > 0 && rows > 0 ? { columns, rows } : SIZE;
  } catch {
    // It is gone, or does not tell.
    return SIZE;
  }
}
