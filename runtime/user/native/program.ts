// Runs a native program as a process on a hart: its threads are promises, resumed by the hart.
import { E, fail } from "../../kernel/errno.ts";
import {
  handlers,
  type Processes,
  threadHandlers,
} from "../../kernel/process/process_component.ts";
import type { Process } from "../../kernel/process/process.ts";
import type { Thread, ThreadHost } from "../../kernel/process/thread.ts";
import type { Hart } from "../hart.ts";
import type { UserThread } from "../thread.ts";
import { type NativeMain, Sys, type ThreadKernel } from "./posix.ts";
import { ExitProgram } from "./program_end.ts";

/** Status of a program that threw what it did not catch. */
const UNCAUGHT = 1;

/** One thread of a native program: at most one call under way, whose promise it waits for. */
class NativeThread implements UserThread, ThreadKernel {
  #waiting: ((status: number) => void) | undefined;
  /** it goes on by itself: neither waiting in a call nor over */
  running = true;

  constructor(readonly tid: number, private readonly program: NativeProgram) {}

  resume(status: number): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.program.went(this, true);
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
      this.program.went(this, false);
      this.program.execute(this, number, args);
    });
  }

  startThread(body: (sys: Sys) => Promise<void>): Promise<void> {
    return this.program.startThread(body);
  }
}

export class NativeProgram implements ThreadHost {
  readonly #ended = Promise.withResolvers<number>();
  readonly #threads = new Set<NativeThread>();
  readonly #main: Thread;
  #nextThread = 0;
  #over = false;

  /** @param missing told the number of each call that nobody serves */
  constructor(
    private readonly hart: Hart,
    private readonly processes: Processes,
    private readonly process: Process,
    private readonly missing: (number: number) => void,
  ) {
    this.#main = processes.startThread(process);
    this.#main.host = this;
    processes.whenEnded(process, (status) => this.#ended.resolve(status));
  }

  /** Runs `main` to its end. @returns the status as wait4(2) has it */
  run(main: NativeMain, argv: string[], env: Record<string, string>): Promise<number> {
    this.startThread(async (sys) => this.#end((await main(sys, argv, env)) ?? 0)).catch(() => {});
    return this.#ended.promise;
  }

  execute(thread: NativeThread, number: number, args: unknown[]): void {
    // A thread of a process that has ended never goes on.
    if (this.#over) return;
    const handler = handlers.get(number), threadHandler = threadHandlers.get(number);
    if (handler === undefined && threadHandler === undefined) this.missing(number);
    this.hart.execute(
      thread,
      number,
      () =>
        handler !== undefined
          ? handler(this.process, ...args)
          : threadHandler !== undefined
          ? threadHandler(this.#main, ...args)
          : fail(E.ENOSYS),
    );
  }

  /** A thread of it begins or ceases to go on by itself. */
  went(thread: NativeThread, running: boolean): void {
    if (thread.running === running || this.#over) return;
    thread.running = running;
    if (running) this.hart.leave();
    else this.hart.enter();
  }

  async startThread(body: (sys: Sys) => Promise<void>): Promise<void> {
    const thread = new NativeThread(this.process.pid * 1000 + this.#nextThread++, this);
    this.hart.leave();
    this.#threads.add(thread);
    try {
      await body(new Sys(thread));
    } catch (failure) {
      if (failure instanceof ExitProgram) this.#end(failure.status);
      else await this.#endUncaught(thread, failure);
      throw failure;
    } finally {
      this.went(thread, false);
      this.#threads.delete(thread);
    }
  }

  async #endUncaught(thread: NativeThread, failure: unknown): Promise<void> {
    if (this.#over) return;
    const text = failure instanceof Error ? failure.message : String(failure);
    await new Sys(thread).printError(`uncaught: ${text}`).catch(() => {});
    this.#end(UNCAUGHT);
  }

  #end(status: number): void {
    this.process.end((status & 0xff) << 8);
  }

  /** A signal has come, or the process has been told to end; native programs handle no signals. */
  attend(): void {
    this.#main.nextSignal();
    if (this.process.ending === undefined || this.#over) return;
    for (const thread of this.#threads) this.went(thread, false);
    this.#over = true;
    this.processes.endThread(this.#main, this.process.ending);
  }
}
