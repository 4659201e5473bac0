// Standard output and error of the host, as programs of the machine write to them.

/** How long a stream that takes nothing now is left alone. */
const FULL_MS = 1;

export interface Sink {
  writeSync(bytes: Uint8Array): number;
}

/** Writes all of it. @returns false where nobody reads any more */
export function writeAll(sink: Sink, bytes: Uint8Array): boolean {
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(sink.writeSync(bytes));
    } catch (failure) {
      if (failure instanceof Deno.errors.BrokenPipe) return false;
      if (!(failure instanceof Deno.errors.WouldBlock)) throw failure;
      // Somebody else made the stream one that does not wait.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MS);
    }
  }
  return true;
}

/** Whether what goes there is to have colours: to a terminal, unless NO_COLOR says otherwise. */
export function takesColor(stream: { isTerminal(): boolean }): boolean {
  return stream.isTerminal() && !Deno.noColor;
}
