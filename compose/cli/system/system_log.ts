// What a running system says, line by line, in a file of bounded size that others can read and follow.
import { writeAll } from "../terminal/streams.ts";

/** A log that gets larger becomes the older one, and what that was is gone. */
export const MAX_LOG_BYTES = 8 << 20;
const NAME = "log.jsonl", OLDER = "log.1.jsonl";
const FOLLOW_MS = 50;
/** A line that is longer goes on as another one: nothing waits for the end of a line without bound. */
const MAX_TEXT_CHARACTERS = 16 << 10;

/** One line of a log. */
export interface LogLine {
  /** of the host's clock, milliseconds since 1970 */
  ms: number;
  /** whose: a program's, or nobody's but the system's own */
  program?: string;
  stream: "stdout" | "stderr" | "system";
  text: string;
}

export class LogWriter {
  readonly #path: string;
  readonly #older: string;
  #file: Deno.FsFile;
  #bytes = 0;
  #closed = false;
  readonly #pending = new Map<string, { decoder: TextDecoder; text: string }>();

  constructor(folder: string) {
    this.#path = `${folder}/${NAME}`;
    this.#older = `${folder}/${OLDER}`;
    this.#file = this.#open();
  }

  /** What a program wrote; a line that is not complete waits for its end. */
  write(program: string, bytes: Uint8Array, stream: "stdout" | "stderr"): void {
    const key = `${program} ${stream}`;
    const pending = this.#pending.get(key) ?? { decoder: new TextDecoder(), text: "" };
    this.#pending.set(key, pending);
    const lines = (pending.text + pending.decoder.decode(bytes, { stream: true })).split("\n");
    pending.text = lines.pop()!;
    for (; pending.text.length > MAX_TEXT_CHARACTERS;) {
      lines.push(pending.text.slice(0, MAX_TEXT_CHARACTERS));
      pending.text = pending.text.slice(MAX_TEXT_CHARACTERS);
    }
    const ms = Date.now();
    this.#append(lines.map((text) => ({ ms, program, stream, text })));
  }

  /** What the system says of itself. */
  note(text: string): void {
    this.#append([{ ms: Date.now(), stream: "system", text }]);
  }

  close(): void {
    for (const [key, { text }] of this.#pending) {
      const [program, stream] = key.split(" ") as [string, "stdout" | "stderr"];
      if (text !== "") this.#append([{ ms: Date.now(), program, stream, text }]);
    }
    this.#closed = true;
    this.#file.close();
  }

  /** What comes after the end is nobody's. */
  #append(lines: LogLine[]): void {
    if (this.#closed) return;
    const bytes = new TextEncoder().encode(
      lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
    );
    if (this.#bytes + bytes.length > MAX_LOG_BYTES) {
      this.#file.close();
      Deno.renameSync(this.#path, this.#older);
      this.#file = this.#open();
      this.#bytes = 0;
    }
    writeAll(this.#file, bytes);
    this.#bytes += bytes.length;
  }

  #open(): Deno.FsFile {
    return Deno.openSync(this.#path, { write: true, createNew: true, mode: 0o600 });
  }
}

/**
 * The lines of a system's log.
 * @param more whether more may come; asked when there is nothing more for now
 */
export async function* readLog(
  folder: string,
  more: () => boolean,
): AsyncGenerator<LogLine, void, void> {
  const path = `${folder}/${NAME}`;
  const older = open(`${folder}/${OLDER}`);
  if (older !== undefined) {
    yield* linesOf(older);
    older.file.close();
  }
  for (let current = open(path); current !== undefined;) {
    // Asked before the last look at the file, so that nothing is missed that was written before the end.
    const ends = !more();
    yield* linesOf(current);
    const next = inodeOf(path) === current.inode ? undefined : open(path);
    if (next !== undefined) {
      yield* linesOf(current);
      current.file.close();
      current = next;
    } else if (ends) {
      current.file.close();
      return;
    } else await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
  }
}

interface OpenLog {
  file: Deno.FsFile;
  inode: number | null;
  decoder: TextDecoder;
  rest: string;
}

function open(path: string): OpenLog | undefined {
  try {
    const file = Deno.openSync(path);
    return { file, inode: file.statSync().ino, decoder: new TextDecoder(), rest: "" };
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return undefined;
    throw failure;
  }
}

function inodeOf(path: string): number | null | undefined {
  try {
    return Deno.statSync(path).ino;
  } catch (failure) {
    // With the system its log has gone: what was opened is all.
    if (failure instanceof Deno.errors.NotFound) return undefined;
    throw failure;
  }
}

/** What has been written since it was last asked for. */
function* linesOf(log: OpenLog): Generator<LogLine> {
  const buffer = new Uint8Array(64 << 10);
  for (let count = log.file.readSync(buffer); count; count = log.file.readSync(buffer)) {
    const lines = (log.rest + log.decoder.decode(buffer.subarray(0, count), { stream: true }))
      .split("\n");
    log.rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as LogLine;
  }
}
