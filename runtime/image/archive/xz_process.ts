// Has xz data unpacked by a process without permissions: see xz_main.ts. It serves one request after the
// other, does not keep this process alive, and ends by itself some time after the last.
import { bytesOf, FAILED, words } from "./xz_main.ts";

interface Running {
  child: Deno.ChildProcess;
  requests: WritableStreamDefaultWriter<Uint8Array>;
  answers: ReturnType<typeof bytesOf>;
}

export class XzProcess implements AsyncDisposable {
  #running: Running | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Gives the pieces of what is unpacked to `take`. @throws Error where it is damaged, or more than `maxBytes` */
  unpack(
    packed: Uint8Array,
    maxBytes: number,
    take: (piece: Uint8Array) => void,
  ): Promise<void> {
    const done = this.#last.then(async () => {
      const running = await this.#ask(packed, maxBytes);
      try {
        await pieces(running, take);
        running.child.unref();
      } catch (failure) {
        // What else it answers nobody wants.
        await this.#end();
        throw failure;
      }
    });
    this.#last = done.catch(() => {});
    return done;
  }

  /** Asks the process there is, or another one if it has ended since. */
  async #ask(packed: Uint8Array, maxBytes: number): Promise<Running> {
    for (let again = this.#running !== undefined;; again = false) {
      const running = this.#running ??= start();
      running.child.ref();
      try {
        await running.requests.write(words(packed.length, maxBytes));
        await running.requests.write(packed);
        return running;
      } catch (failure) {
        this.#running = undefined;
        if (!again) throw failure;
      }
    }
  }

  async #end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.child.ref();
    await running.requests.close().catch(() => {});
    while (await running.answers(1) !== undefined);
    await running.child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#end();
  }
}

/** Takes the answer to a request. */
async function pieces(running: Running, take: (piece: Uint8Array) => void): Promise<void> {
  for (;;) {
    const length = await number(running);
    if (length === 0) return;
    const piece = await bytes(running, length === FAILED ? await number(running) : length);
    if (length === FAILED) throw new Error(new TextDecoder().decode(piece));
    take(piece);
  }
}

function start(): Running {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", new URL("./xz_main.ts", import.meta.url).href],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  return { child, requests: child.stdin.getWriter(), answers: bytesOf(child.stdout) };
}

async function number(running: Running): Promise<number> {
  return new DataView((await bytes(running, 4)).buffer).getUint32(0, true);
}

async function bytes({ answers, child }: Running, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await answers(count);
  if (answer !== undefined) return answer;
  const { code, signal } = await child.status;
  throw new Error(`the process that unpacks it ended ${signal ? `by ${signal}` : `with ${code}`}`);
}
