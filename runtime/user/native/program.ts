// Runs a native program as a process on a hart: its threads are promises, resumed by the hart.
import { isCoroutine } from "../../kernel/coroutine.ts";
import { E, fail } from "../../kernel/errno.ts";
import { handlers, type Processes } from "../../kernel/process/process_component.ts";
import type { Process } from "../../kernel/process/process.ts";
import type { Hart } from "../hart.ts";
import type { UserThread } from "../thread.ts";
import { ExitProgram, type NativeMain, Sys, type ThreadKernel } from "./posix.ts";

/** Status of a program that threw what it did not catch. */
const UNCAUGHT = 1;

/** One thread of a native program: at most one call under way, whose promise it waits for. */
class NativeThread implements UserThread, ThreadKernel {
  #waiting: ((status: number) => void) | undefined;

  constructor(readonly tid: number, private readonly program: NativeProgram) {}

  resume(status: number): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(status);
  }

  invoke(number: number, ...args: unknown[]): Promise<number> {
    if (this.#waiting !== undefined) {
      throw new Error(
        "A thread makes one system call at a time: await it, or start a thread for each",
      );
    }
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.program.execute(this, number, args);
    });
  }

  startThread(body: (sys: Sys) => Promise<void>): Promise<void> {
    return this.program.startThread(body);
  }
}

export class NativeProgram {
  readonly #ended = Promise.withResolvers<number>();
  #nextThread = 0;
  #liveThreads = 0;
  #over = false;

  /** @param missing told the number of each call that nobody serves */
  constructor(
    private readonly hart: Hart,
    private readonly processes: Processes,
    private readonly process: Process,
    private readonly missing: (number: number) => void,
  ) {}

  /** Runs `main` to its end. @returns the exit status */
  async run(main: NativeMain, argv: string[], env: Record<string, string>): Promise<number> {
    this.startThread(async (sys) => this.#end((await main(sys, argv, env)) ?? 0)).catch(() => {});
    const status = await this.#ended.promise & 0xff;
    return status;
  }

  execute(thread: NativeThread, number: number, args: unknown[]): void {
    // A thread of a process that has ended never goes on.
    if (this.#over) return;
    const handler = handlers.get(number);
    if (handler === undefined) this.missing(number);
    this.hart.execute(
      thread,
      () => handler === undefined ? fail(E.ENOSYS) : handler(this.process, ...args),
    );
  }

  async startThread(body: (sys: Sys) => Promise<void>): Promise<void> {
    const thread = new NativeThread(this.process.pid * 1000 + this.#nextThread++, this);
    this.hart.adopt();
    this.#liveThreads++;
    try {
      await body(new Sys(thread));
    } catch (failure) {
      if (failure instanceof ExitProgram) this.#end(failure.status);
      else await this.#endUncaught(thread, failure);
      throw failure;
    } finally {
      if (!this.#over) this.#retire();
    }
  }

  #retire(): void {
    this.#liveThreads--;
    this.hart.retire();
  }

  async #endUncaught(thread: NativeThread, failure: unknown): Promise<void> {
    if (this.#over) return;
    const text = failure instanceof Error ? failure.message : String(failure);
    await new Sys(thread).printError(`uncaught: ${text}`).catch(() => {});
    this.#end(UNCAUGHT);
  }

  #end(status: number): void {
    if (this.#over) return;
    this.#over = true;
    while (this.#liveThreads > 0) this.#retire();
    const closing = this.processes.end(this.process, status);
    if (isCoroutine(closing)) {
      this.processes.environment.tasks.spawn(closing, () => this.#ended.resolve(status));
    }
  }

  /** Ends the program from outside, as a signal would. */
  kill(signal: number): void {
    this.#end(128 + signal);
  }
}
