// How one thread wakes another that sleeps: a word in shared memory that says "I sleep", and a signal
// that is only sent to one that does. Three mechanisms: Atomics.wait on a SharedArrayBuffer, a process-shared
// semaphore in mapped memory, and a pipe for one who waits for descriptors of the host as well.

/** The side that wakes. */
export interface Bell {
  /** Wakes the sleeper if it sleeps or is about to. Cheap when it is awake. @returns whether a signal was sent */
  ring(): boolean;
}

/** The side that sleeps. Use: `prepare()`, look for work once more, then `sleep()` or `cancel()`. */
export interface Sleeper {
  /** Says "I sleep": from here on a ring is not lost. */
  prepare(): void;
  /** There is work after all. */
  cancel(): void;
  /** Blocks until rung or until `timeoutNs` has passed. */
  sleep(timeoutNs: number): void;
  /** To be called by one who looks for work over and over: whoever waits for the processor has it first. */
  relax(): void;
}

/** A sleeper that lets its event loop turn meanwhile: for a thread to which the host has something to say. */
export interface LightSleeper extends Sleeper {
  /** Resolves when rung, when `other` does, or after about `timeoutNs`. */
  sleepLightly(timeoutNs: number, other: Promise<void>): Promise<void>;
}

/** Index of the word that says that its owner sleeps, in the 32-bit words of a bell's memory. */
const SLEEPING = 0;
const SIGNALS = 1;

/** Bytes of shared memory that a bell takes: flag, count, and a semaphore of at most 56 bytes. */
export const BELL_BYTES = 64;
/** Where in a bell's memory its semaphore lies (`sem_t` of Linux is 32 bytes). */
export const SEMAPHORE_OFFSET = 16;

/** How the signal itself travels, once the flag says that it is needed. */
export interface Signal {
  post(): void;
  /** As a sleeper's. */
  relax(): void;
  /** @returns once posted, or after `timeoutNs` */
  wait(timeoutNs: number): void;
  /** The same without blocking; one at a time. */
  waitLightly(timeoutNs: number): Promise<void>;
}

/** Bell and sleeper over one piece of shared memory. */
export class Doorbell implements Bell, LightSleeper {
  #waiting: Promise<void> | undefined;

  constructor(private readonly words: Int32Array, private readonly signal: Signal) {}

  ring(): boolean {
    if (Atomics.load(this.words, SLEEPING) === 0) return false;
    if (Atomics.exchange(this.words, SLEEPING, 0) === 0) return false;
    this.signal.post();
    return true;
  }

  prepare(): void {
    Atomics.store(this.words, SLEEPING, 1);
  }

  cancel(): void {
    Atomics.store(this.words, SLEEPING, 0);
  }

  relax(): void {
    this.signal.relax();
  }

  sleep(timeoutNs: number): void {
    this.signal.wait(timeoutNs);
    Atomics.store(this.words, SLEEPING, 0);
  }

  async sleepLightly(timeoutNs: number, other: Promise<void>): Promise<void> {
    // A wait that something else ended goes on, and serves the next sleep.
    this.#waiting ??= this.signal.waitLightly(timeoutNs).then(() => this.#waiting = undefined);
    await Promise.race([this.#waiting, other]);
    Atomics.store(this.words, SLEEPING, 0);
  }
}

/** Signal by Atomics.wait: for threads of one process, on any platform. */
export class AtomicsSignal implements Signal {
  /** @param words over a SharedArrayBuffer: the bell's memory */
  constructor(private readonly words: Int32Array) {}

  post(): void {
    Atomics.store(this.words, SIGNALS, 1);
    Atomics.notify(this.words, SIGNALS);
  }

  wait(timeoutNs: number): void {
    Atomics.wait(this.words, SIGNALS, 0, timeoutNs / 1e6);
    Atomics.store(this.words, SIGNALS, 0);
  }

  /** Atomics has no way to give a processor up. */
  relax(): void {
    Atomics.pause();
  }

  async waitLightly(timeoutNs: number): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.words, SIGNALS, 0, timeoutNs / 1e6);
    if (async) await value;
    Atomics.store(this.words, SIGNALS, 0);
  }
}
