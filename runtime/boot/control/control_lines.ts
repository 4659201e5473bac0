// A connection as lines of text, of bounded length in both directions.
import { MAX_LINE_BYTES, ProtocolError } from "./control_protocol.ts";

const LINE_END = 10;

export class LineConnection {
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(private readonly connection: Deno.Conn) {}

  /** Writes a line after those before it. @returns when it is written; rejects where nobody reads any more */
  send(line: string): Promise<void> {
    const bytes = new TextEncoder().encode(`${line}\n`);
    const written = this.#writing.then(async () => {
      for (let done = 0; done < bytes.length;) {
        done += await this.connection.write(bytes.subarray(done));
      }
    });
    this.#writing = written.catch(() => {});
    return written;
  }

  /** The lines that come; ends when the other side does. @throws ProtocolError for one without an end */
  async *lines(): AsyncGenerator<string, void, void> {
    const buffer = new Uint8Array(MAX_LINE_BYTES);
    const decoder = new TextDecoder();
    for (let length = 0;;) {
      if (length === buffer.length) throw new ProtocolError("Cannot read a line: it is too long");
      let count: number | null;
      try {
        count = await this.connection.read(buffer.subarray(length));
      } catch (failure) {
        if (this.#closed || failure instanceof Deno.errors.ConnectionReset) return;
        throw failure;
      }
      if (count === null) return;
      const all = length + count;
      let start = 0;
      for (let end = buffer.indexOf(LINE_END, length); end >= 0 && end < all;) {
        yield decoder.decode(buffer.subarray(start, end));
        start = end + 1;
        end = buffer.indexOf(LINE_END, start);
      }
      buffer.copyWithin(0, start, all);
      length = all - start;
    }
  }

  /** Ends it, once what was sent is written. */
  async close(): Promise<void> {
    await this.#writing;
    if (this.#closed) return;
    this.#closed = true;
    this.connection.close();
  }
}
