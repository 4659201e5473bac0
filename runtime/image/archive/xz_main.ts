// A process without permissions that unpacks xz: the library is machine code in WebAssembly that works on
// what comes from elsewhere. Of every request it reads the length, the most bytes that may come of it, and
// the bytes; it answers with pieces, each after its length, and an empty one; or with FAILED and a message.
import xz from "xz-decompress";

/** In place of a length: the message of a failure follows. */
export const FAILED = 0xffff_ffff;
/** Whoever asks no more for so long asks another process next time. */
export const IDLE_MS = 2000;

/** Serves requests until there are none. */
async function serve(): Promise<void> {
  const requests = bytesOf(Deno.stdin.readable);
  const out = Deno.stdout.writable.getWriter();
  for (;;) {
    const idle = setTimeout(() => Deno.exit(0), IDLE_MS);
    const head = await requests(8);
    clearTimeout(idle);
    if (head === undefined) return;
    const view = new DataView(head.buffer);
    const packed = await requests(view.getUint32(0, true));
    if (packed === undefined) return;
    try {
      await unpack(packed, view.getUint32(4, true), out);
    } catch (failure) {
      const message = new TextEncoder().encode((failure as Error).message);
      await out.write(words(FAILED, message.length));
      await out.write(message);
    }
  }
}

async function unpack(
  packed: Uint8Array<ArrayBuffer>,
  maxBytes: number,
  out: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  let bytes = 0;
  for await (const piece of new xz.XzReadableStream(new Blob([packed]).stream())) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
    if (piece.length === 0) continue;
    await out.write(words(piece.length));
    await out.write(piece);
  }
  await out.write(words(0));
}

/** Numbers as they go through pipes. */
export function words(...values: number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(4 * index, value, true));
  return bytes;
}

/** What reads so many bytes of a stream. It gives undefined where the stream ends before. */
export function bytesOf(
  stream: ReadableStream<Uint8Array>,
): (count: number) => Promise<Uint8Array<ArrayBuffer> | undefined> {
  const reader = stream.getReader();
  let rest = new Uint8Array();
  return async (count) => {
    const bytes = new Uint8Array(count);
    for (let have = 0;;) {
      const part = rest.subarray(0, count - have);
      bytes.set(part, have);
      have += part.length;
      rest = rest.subarray(part.length);
      if (have === count) return bytes;
      const { value, done } = await reader.read();
      if (done) return undefined;
      rest = value as Uint8Array<ArrayBuffer>;
    }
  };
}

if (import.meta.main) await serve();
