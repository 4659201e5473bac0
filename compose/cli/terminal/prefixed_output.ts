// The output of several programs on one stream: each line after the name of whose it is.
import { type Sink, writeAll } from "./streams.ts";

/** Puts the program's name before each line; a line that is not complete waits for its end. */
export class PrefixedOutput {
  readonly #pending = new Map<string, { decoder: TextDecoder; text: string }>();

  constructor(private readonly color: boolean, private readonly sink: Sink) {}

  write(program: string, bytes: Uint8Array): void {
    const pending = this.#pending.get(program) ?? { decoder: new TextDecoder(), text: "" };
    this.#pending.set(program, pending);
    const lines = (pending.text + pending.decoder.decode(bytes, { stream: true })).split("\n");
    pending.text = lines.pop()!;
    for (const line of lines) this.#line(program, line);
  }

  flush(): void {
    for (const [program, { text }] of this.#pending) if (text !== "") this.#line(program, text);
    this.#pending.clear();
  }

  #line(program: string, line: string): void {
    writeAll(this.sink, new TextEncoder().encode(`${prefixed(program, line, this.color)}\n`));
  }
}

/** A line of a program, after its name. */
export function prefixed(program: string, line: string, color: boolean): string {
  return `${color ? `\x1b[36m${program}\x1b[0m` : program} | ${line}`;
}
