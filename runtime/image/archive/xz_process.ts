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
      try {
        // One that has been idle may end at any moment.
        if (!await this.#ask(packed, maxBytes, take) && !await this.#ask(packed, maxBytes, take)) {
          throw new Error("the process that unpacks it ends at once");
        }
      } catch (failure) {
        // What else it answers nobody wants.
        await this.#end();
        throw failure;
      }
    });
    this.#last = done.catch(() => {});
    return done;
  }

  /** @returns whether it has answered; if not it has ended */
  async #ask(
    packed: Uint8Array,
    maxBytes: number,
    take: (piece: Uint8Array) => void,
  ): Promise<boolean> {
    const { child, requests, answers } = this.#running ??= start();
    child.ref();
    const asked = requests.write(words(packed.length, maxBytes)).then(() => requests.write(packed));
    // That it has ended shows where it answers nothing.
    const [first] = await Promise.all([answers(4), asked.catch(() => {})]);
    if (first === undefined) {
      await this.#end();
      return false;
    }
    for (let length = number(first); length !== 0; length = number(await some(answers, 4))) {
      if (length === FAILED) {
        const message = await some(answers, number(await some(answers, 4)));
        throw new Error(new TextDecoder().decode(message));
      }
      take(await some(answers, length));
    }
    child.unref();
    return true;
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

function start(): Running {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", new URL("./xz_main.ts", import.meta.url).href],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  return { child, requests: child.stdin.getWriter(), answers: bytesOf(child.stdout) };
}

function number(bytes: Uint8Array<ArrayBuffer>): number {
  return new DataView(bytes.buffer).getUint32(0, true);
}

async function some(answers: Running["answers"], count: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await answers(count);
  if (bytes === undefined) throw new Error("the process that unpacks it has ended");
  return bytes;
}
