// Asks once whether a program works: runs what its manifest says on the machine, as that program's user, and
// tells how that ended.
import type { ProgramPlan } from "../../schemas/plan.ts";
import type { Execution, OutputTaker, RunningProgram } from "./executions.ts";

const SIGKILL = 9;
/** What is kept of what a check says: its end, where programs say what is wrong. */
const MAX_TOLD_CHARACTERS = 200;

export class HealthChecks {
  constructor(
    private readonly execute: (execution: Execution, take: OutputTaker) => RunningProgram,
  ) {}

  /**
   * @param signal ends the question
   * @returns what is wrong; undefined where the program works
   */
  async check(program: ProgramPlan, signal: AbortSignal): Promise<string | undefined> {
    const { run, timeoutMs } = program.health!;
    const { env, uid, gid } = program, decoder = new TextDecoder();
    let told = "", late = false;
    try {
      const running = this.execute({ words: run!, env, cwd: "/", uid, gid }, (bytes) => {
        told = (told + decoder.decode(bytes, { stream: true })).slice(-MAX_TOLD_CHARACTERS);
      });
      running.endInput();
      const kill = () => running.signal(SIGKILL);
      const timer = setTimeout(() => {
        late = true;
        kill();
      }, timeoutMs);
      signal.addEventListener("abort", kill);
      const { status, reason } = await running.ended.finally(() => {
        clearTimeout(timer);
        signal.removeEventListener("abort", kill);
      });
      if (late) return `no answer in ${timeoutMs} ms`;
      if (status === 0) return undefined;
      const last = told.trimEnd().split("\n").at(-1)!;
      return reason ?? `${run![0]} ended with ${status}${last === "" ? "" : `: ${last}`}`;
    } catch (failure) {
      return (failure as Error).message;
    }
  }
}
