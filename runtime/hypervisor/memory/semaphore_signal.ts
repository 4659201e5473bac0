// A doorbell's signal between processes: a process-shared semaphore (sem_overview(7)) that lies in
// mapped memory. The calls it keeps are harmless: they touch only the semaphores given here.
import { BELL_BYTES, Doorbell, SEMAPHORE_OFFSET, type Signal } from "../../hardware/doorbell.ts";
import type { MappedMemory } from "./linux_memory.ts";

const symbols = {
  sem_init: { parameters: ["pointer", "i32", "u32"], result: "i32" },
  sem_post: { parameters: ["pointer"], result: "i32" },
  sem_clockwait: { parameters: ["pointer", "i32", "buffer"], result: "i32" },
  /** the same call, made on another thread */
  waitElsewhere: {
    name: "sem_clockwait",
    parameters: ["pointer", "i32", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  sem_trywait: { parameters: ["pointer"], result: "i32" },
  sched_yield: { parameters: [], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const CLOCK_MONOTONIC = 1;

export class Semaphores {
  readonly #libc = Deno.dlopen("libc.so.6", symbols);

  /** Prepares the semaphore of a bell's memory: once, by the one who made the memory. */
  initialize(memory: MappedMemory): void {
    this.#libc.symbols.sem_init(this.#semaphore(memory), 1, 0);
  }

  /** The bell that lies at the start of a mapped object. */
  doorbell(memory: MappedMemory): Doorbell {
    const words = new Int32Array(memory.buffer, 0, BELL_BYTES / 4);
    return new Doorbell(words, this.#signal(this.#semaphore(memory)));
  }

  #semaphore(memory: MappedMemory): Deno.PointerObject {
    return Deno.UnsafePointer.offset(memory.pointer, SEMAPHORE_OFFSET) as Deno.PointerObject;
  }

  #signal(semaphore: Deno.PointerObject): Signal {
    const libc = this.#libc.symbols;
    const time = new BigInt64Array(2), lightTime = new BigInt64Array(2);
    /** A time on the monotonic clock, as `struct timespec`. */
    const deadline = (into: BigInt64Array<ArrayBuffer>, timeoutNs: number) => {
      const bytes = new Uint8Array(into.buffer);
      libc.clock_gettime(CLOCK_MONOTONIC, bytes);
      const whole = Math.floor(timeoutNs / 1e9);
      const nanoseconds = Number(into[1]) + (timeoutNs - whole * 1e9);
      into[0] += BigInt(whole + Math.floor(nanoseconds / 1e9));
      into[1] = BigInt(Math.floor(nanoseconds % 1e9));
      return bytes;
    };
    // A post that raced with the timeout, or a peer that posts too often, must not wake us later.
    const drain = () => {
      while (libc.sem_trywait(semaphore) === 0);
    };
    return {
      post: () => {
        libc.sem_post(semaphore);
      },
      relax: () => {
        libc.sched_yield();
      },
      wait: (timeoutNs) => {
        libc.sem_clockwait(semaphore, CLOCK_MONOTONIC, deadline(time, timeoutNs));
        drain();
      },
      waitLightly: async (timeoutNs) => {
        await libc.waitElsewhere(semaphore, CLOCK_MONOTONIC, deadline(lightTime, timeoutNs));
        drain();
      },
    };
  }
}
