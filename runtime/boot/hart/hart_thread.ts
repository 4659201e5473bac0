// The thread of the primary domain and its hart, as the machine that started it sees it.
import type { MemoryGrant } from "../../hypervisor/memory/shared_memory.ts";
import type { Plan } from "../../../schemas/plan.ts";
import type { EngineName } from "../../hardware/hart/make_engine.ts";
import type { CodeSaving } from "../../hardware/hart/riscv_hart.ts";
import type { Hardware } from "../../kernel/process/sysfs/system_tree.ts";
import type { MachineEvent } from "../../report.ts";
import { AttentiveWorker } from "../attention.ts";
import type { HartCounters, HartRequest, HartWorkerSetup } from "./hart_worker.ts";
import type { MachineMemory } from "../machine_memory.ts";
import type { SessionMessage, SessionRequest } from "../session/sessions.ts";
import type { ProgramEnd } from "../program/watched_program.ts";

/** What the thread tells. */
export interface HartListener {
  /** the file systems are mounted, and programs can be started */
  booted(): void;
  started(program: string): void;
  ended(end: ProgramEnd): void;
  /** about a program that was run on the running machine */
  session(message: SessionMessage): void;
  strace?(line: string): void;
  translated?(file: string, text: string): void;
  /** gets translated code when the machine stops */
  savedCode(code: Uint8Array<ArrayBuffer>): void;
  event(event: MachineEvent): void;
  failed(failure: Error): void;
}

export class HartThread {
  /** it acknowledges nothing any more */
  gone = false;
  readonly #worker: AttentiveWorker;
  readonly #ready = Promise.withResolvers<void>();
  readonly #primary: string;
  /** tells it what it is to be; not counted among the messages that its loop is to look for */
  readonly #begin: (hardware: Hardware) => void;

  /** Begins to load its code. @param shortSleeps whether a server cannot ring its bell */
  constructor(
    private readonly plan: Plan,
    memory: MachineMemory,
    shortSleeps: boolean,
    private readonly listener: HartListener,
    engine: EngineName = "translator",
    savedCode?: CodeSaving,
  ) {
    this.#primary = plan.domains.find((domain) => domain.primary)!.name;
    const worker = new Worker(new URL("./hart_worker.ts", import.meta.url), {
      type: "module",
      name: "hart",
      deno: {
        // Stated one by one, since a worker that inherits all shares all. It reads modules of programs.
        permissions: {
          net: false,
          env: false,
          run: false,
          sys: false,
          write: false,
          ffi: "inherit",
          read: "inherit",
          import: "inherit",
        },
      },
    });
    // Whoever sets it up hears of it.
    this.#ready.promise.catch(() => {});
    const attention = new SharedArrayBuffer(4);
    this.#worker = new AttentiveWorker(
      worker,
      attention,
      memory.doorbell(memory.hartBell),
      (message) => this.#receive(message as Record<string, unknown>),
      (failure) => this.#fail(failure),
    );
    const setup: Omit<HartWorkerSetup, "hardware"> = {
      plan,
      memory: memory.primary.memory.grant,
      bell: memory.hartBell.grant,
      deviceBell: memory.deviceBell.grant,
      windows: memory.primary.windows.map((window) => ({
        device: window.device,
        memory: window.memory.grant,
      })),
      control: memory.control.buffer as SharedArrayBuffer,
      trace: memory.traceOf(this.#primary).buffer as SharedArrayBuffer,
      attention,
      rings: plan.rings.flatMap(({ client, server }, index) =>
        client !== this.#primary ? [] : [{
          index,
          memory: memory.rings[index].grant,
          bell: memory.bellOf(server).grant,
        }]
      ),
      strace: listener.strace !== undefined,
      engine,
      dump: listener.translated !== undefined,
      savedCode,
      shortSleeps,
    };
    this.#begin = (hardware) =>
      worker.postMessage({ ...setup, hardware } satisfies HartWorkerSetup);
  }

  /** Finds its devices, which have to be there; then it can be told to run. */
  async setUp(hardware: Hardware): Promise<void> {
    this.#begin(hardware);
    await this.#ready.promise;
  }

  /** Mounts the file systems. */
  run(): void {
    this.#post({ kind: "run" });
  }

  /** Starts a program of the plan, on a machine that has booted. */
  start(program: string): void {
    this.#post({ kind: "start", program });
  }

  /** Runs a further program, or tells one that runs something. */
  session(request: SessionRequest): void {
    this.#post(request);
  }

  /** Sends a signal to a program and what it started. */
  signal(program: string, number: number): void {
    this.#post({ kind: "signal", program, number });
  }

  /** Gives it other memory for a ring. */
  replaceRing(index: number, memory: MemoryGrant, bell: MemoryGrant): Promise<void> {
    return this.#worker.request({ kind: "ring", index, memory, bell } satisfies HartRequest);
  }

  /** What it has counted so far. */
  counters(): Promise<HartCounters> {
    return this.#worker.request({ kind: "counters" } satisfies HartRequest);
  }

  /** Ends it in good order: file systems are written back while those who serve them answer. */
  async stop(): Promise<HartCounters> {
    const counters = await this.#worker.request<HartCounters>(
      { kind: "stop" } satisfies HartRequest,
    );
    this.gone = true;
    return counters;
  }

  terminate(): void {
    this.#worker.terminate();
  }

  #post(request: HartRequest): void {
    this.#worker.post(request);
  }

  #fail(failure: Error): void {
    this.gone = true;
    this.#ready.reject(failure);
    this.listener.failed(failure);
  }

  #receive(message: Record<string, unknown>): void {
    const { listener } = this;
    const log = (domain: string, text: unknown) =>
      listener.event({ kind: "log", domain, line: String(text) });
    switch (message.kind) {
      case "ready":
        return this.#ready.resolve();
      case "booted":
        return listener.booted();
      case "log":
        return log(this.#primary, message.line);
      case "failed":
        return this.#fail(new Error(String(message.reason)));
      case "translated":
        return listener.translated?.(String(message.file), String(message.text));
      case "saved-code":
        return listener.savedCode(message.code as Uint8Array<ArrayBuffer>);
      case "strace":
        return listener.strace?.(String(message.line));
      case "program-started":
        return listener.started(String(message.program));
      case "session-started":
      case "session-output":
      case "session-taken":
      case "session-ended":
        return listener.session(message as unknown as SessionMessage);
      case "program-ended": {
        const { program, status, signal, reason } = message as unknown as ProgramEnd & {
          reason?: string;
        };
        if (reason !== undefined) log(program, reason);
        return listener.ended({ program, status, signal });
      }
    }
  }
}
