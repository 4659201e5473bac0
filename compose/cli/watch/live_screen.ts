// A screen of the terminal that is drawn anew with each sample, and leaves what was there before.
import { writeAll } from "../terminal/streams.ts";

const ENTER = "\x1b[?1049h\x1b[?25l", LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H", ERASE_LINE = "\x1b[2K", TO_END = "\x1b[J";
const CTRL_C = 3;

export class LiveScreen {
  /** The screen of the terminal that standard output is, where it is one. Keys abort `leaving`. */
  static find(leaving: AbortController): LiveScreen | undefined {
    if (!Deno.stdout.isTerminal()) return undefined;
    const screen = new LiveScreen();
    if (Deno.stdin.isTerminal()) {
      Deno.stdin.setRaw(true, { cbreak: true });
      void screen.#listen(leaving);
    }
    write(ENTER);
    return screen;
  }

  /** Shows a text in place of the last one, as much of it as there is room for. */
  draw(text: string): void {
    const { rows, columns } = sizeNow();
    const lines = text.split("\n").slice(0, rows).map((line) => line.slice(0, columns));
    write(HOME + lines.map((line) => ERASE_LINE + line).join("\r\n") + TO_END);
  }

  leave(): void {
    write(LEAVE);
    if (Deno.stdin.isTerminal()) Deno.stdin.setRaw(false);
  }

  async #listen(leaving: AbortController): Promise<void> {
    for await (const typed of Deno.stdin.readable) {
      if (typed.includes("q".charCodeAt(0)) || typed.includes(CTRL_C)) return leaving.abort();
    }
  }
}

function write(text: string): void {
  writeAll(Deno.stdout, new TextEncoder().encode(text));
}

function sizeNow(): { rows: number; columns: number } {
  try {
    const { rows, columns } = Deno.consoleSize();
    return rows > 0 && columns > 0 ? { rows, columns } : { rows: 24, columns: 80 };
  } catch {
    // It is gone, or does not tell.
    return { rows: 24, columns: 80 };
  }
}
