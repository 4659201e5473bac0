// The programs of a machine, on its hart: those of the plan and those that are started later, functions of
// TypeScript and files of RISC-V code.
import { type DumpedRegion, RegionRecorder } from "../../hardware/hart/dump.ts";
import { type CodeSaving, RiscvHart } from "../../hardware/hart/riscv_hart.ts";
import { type EngineName, makeEngine } from "../../hardware/hart/make_engine.ts";
import type { Coroutine, Tasks } from "../../kernel/coroutine.ts";
import { E, Errno, fail } from "../../kernel/errno.ts";
import type { Terminal } from "../../kernel/drivers/terminal.ts";
import type { Process } from "../../kernel/process/process.ts";
import type { Processes } from "../../kernel/process/process_component.ts";
import { toByteString } from "../../kernel/vfs/protocol.ts";
import type { Plan, ProgramPlan } from "../../../schemas/plan.ts";
import { systemCall } from "../../../schemas/syscalls.ts";
import { startProgram } from "../../user/guest/exec.ts";
import { GuestHart } from "../../user/guest/guest_hart.ts";
import { traceCalls } from "../../user/guest/strace.ts";
import type { Hart } from "../../user/hart.ts";
import type { NativeMain } from "../../user/native/posix.ts";
import { NativeProgram } from "../../user/native/program.ts";
import { DEFAULT_ENVIRONMENT, Programs } from "./programs.ts";
import { type SessionRequest, Sessions } from "../session/sessions.ts";

/** What says of a place that a program is to be looked for at the next one. */
const NOT_THERE: ReadonlySet<number> = new Set([E.ENOENT, E.ENOTDIR]);

export interface UserSettings {
  plan: Plan;
  engine: EngineName;
  /** whether system calls of ELF programs are told */
  strace: boolean;
  /** whether translated code is told at the end */
  dump: boolean;
  /** where translated code is to be kept beyond the machine's end; with what was kept before */
  savedCode: CodeSaving | undefined;
}

export class UserPrograms {
  readonly #missing = new Map<string, number>();
  readonly #programs: Programs;
  readonly #sessions: Sessions;
  /** made for the first program that needs it: it has all of user memory */
  #guest: GuestHart | undefined;
  #recorder: RegionRecorder | undefined;
  #translator: RiscvHart | undefined;

  /**
   * @param mains of programs that are functions, by their names
   * @param terminal where the machine has one
   * @param post tells the rest of the machine what programs write, and how they end
   */
  constructor(
    private readonly settings: UserSettings,
    private readonly hart: Hart,
    private readonly tasks: Tasks,
    private readonly processes: Processes,
    mains: Map<string, NativeMain>,
    terminal: Terminal | undefined,
    private readonly post: (message: unknown) => void,
  ) {
    this.#programs = new Programs(
      processes,
      tasks,
      {
        native: (process, program) => this.#runFunction(process, program, mains),
        elf: (process, { path, env }) => this.#runFile(process, path!, env),
      },
      post,
      (port) => terminal?.size(port),
    );
    this.#sessions = new Sessions(
      processes,
      tasks,
      (process, path, env) => this.#runFile(process, path, env),
      post,
    );
    if (terminal !== undefined) tasks.spawn(this.#followSize(terminal));
  }

  /** Calls of programs that the kernel does not have, by their names, and how often they were made. */
  get missing(): [name: string, count: number][] {
    return [...this.#missing];
  }

  /** What was translated, for machines to come, where that is wanted and there is anything new. */
  savedCode(): Uint8Array<ArrayBuffer> | undefined {
    return this.#translator?.save();
  }

  /** What was translated, as text, where that is wanted. */
  texts(): Iterable<DumpedRegion> {
    return this.#recorder?.texts() ?? [];
  }

  /** Starts a program of the plan. */
  start(name: string): void {
    this.#programs.start(this.settings.plan.programs.find((each) => each.name === name)!);
  }

  signal(number: number, program: string): void {
    this.#programs.signal(number, program);
  }

  /** Does what somebody asks of a program that is not in the plan. */
  receive(request: SessionRequest): void {
    this.#sessions.receive(request);
  }

  /** Ends everything that still runs. */
  endAll(): Coroutine<void> {
    return this.#programs.endAll();
  }

  *#followSize(terminal: Terminal): Coroutine<void> {
    for (;;) {
      yield terminal.resized;
      this.#programs.resized();
    }
  }

  // deno-lint-ignore require-yield
  *#runFunction(
    process: Process,
    program: ProgramPlan,
    mains: Map<string, NativeMain>,
  ): Coroutine<void> {
    new NativeProgram(this.hart, this.processes, process, (number) => this.#miss(number))
      .run(mains.get(program.name)!, process.argv, program.env);
  }

  /** @param file its path, or its name, which is looked for along PATH as execvp(3) does */
  *#runFile(process: Process, file: string, env: Record<string, string>): Coroutine<void> {
    this.#guest ??= this.#makeGuest();
    const environment: Record<string, string> = { ...DEFAULT_ENVIRONMENT, ...env };
    const variables = Object.entries(environment)
      .map(([name, value]) => toByteString(`${name}=${value}`));
    const places = file.includes("/")
      ? [file]
      : environment.PATH.split(":").map((folder) => `${folder || "."}/${file}`);
    for (const path of places) {
      try {
        return yield* startProgram(this.#guest, process, path, process.argv, variables);
      } catch (failure) {
        if (!(failure instanceof Errno) || !NOT_THERE.has(failure.errno)) throw failure;
      }
    }
    fail(E.ENOENT);
  }

  #makeGuest(): GuestHart {
    const { settings: { plan, engine, strace, dump, savedCode }, processes } = this;
    processes.provideMemory(plan.machine.userMemoryBytes);
    return new GuestHart(
      this.hart,
      this.tasks,
      processes,
      (memory, pager, clock) => {
        if (dump) this.#recorder = new RegionRecorder(memory);
        const made = makeEngine(engine, memory, pager, clock, this.#recorder, savedCode);
        if (savedCode !== undefined && made instanceof RiscvHart) this.#translator = made;
        return made;
      },
      {
        missing: (number) => this.#miss(number),
        ...(strace
          ? { traced: traceCalls(plan.routes, (line) => this.post({ kind: "strace", line })) }
          : {}),
      },
    );
  }

  #miss(number: number): void {
    const name = systemCall(number)?.name ?? String(number);
    this.#missing.set(name, (this.#missing.get(name) ?? 0) + 1);
  }
}
