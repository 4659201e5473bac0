// A doorbell's signal to a thread that waits for descriptors of the host as well: a byte in a pipe (pipe(7)).
// Who rings has a stream over the pipe's end, and the call that puts a byte into a stream it has: unlike
// write(2), that can name no other descriptor of its process.
import type { Signal } from "../../hardware/doorbell.ts";
import { type Poller, PollEvent } from "../../hardware/poller.ts";

/** For those who ring. */
export class PipeSignal implements Signal {
  readonly #libc = Deno.dlopen("libc.so.6", {
    fputc: { parameters: ["i32", "pointer"], result: "i32" },
  }).symbols;

  /** @param stream `FILE` without a buffer, over the end that is written */
  constructor(private readonly stream: Deno.PointerObject) {}

  /** A pipe that is full has not been read since the last time: its reader will wake. */
  post(): void {
    this.#libc.fputc(1, this.stream);
  }

  relax(): never {
    throw new Error("Cannot sleep on the bell of another thread");
  }

  wait(): never {
    return this.relax();
  }

  waitLightly(): never {
    return this.relax();
  }
}

/** For the one who sleeps: it wakes for whatever its poller has. */
export class PolledSignal implements Signal {
  readonly #libc = Deno.dlopen("libc.so.6", {
    // Counts fit into 32 bits, and are numbers then.
    read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    sched_yield: { parameters: [], result: "i32" },
  }).symbols;
  readonly #bytes = new Uint8Array(64);

  /** @param descriptor of the end that is read */
  constructor(descriptor: number, private readonly poller: Poller) {
    poller.add(descriptor, PollEvent.IN, () => {
      this.#libc.read(descriptor, this.#bytes, this.#bytes.length);
    });
  }

  post(): never {
    throw new Error("Cannot ring the bell that this thread sleeps on");
  }

  relax(): void {
    this.#libc.sched_yield();
  }

  wait(timeoutNs: number): void {
    this.poller.poll(Math.ceil(timeoutNs / 1e6));
  }

  async waitLightly(timeoutNs: number): Promise<void> {
    await this.poller.waitElsewhere(Math.ceil(timeoutNs / 1e6));
  }
}
