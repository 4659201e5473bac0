// Asks once whether a program works: runs what its manifest says on the machine, as that program's user, or
// connects to its port, and tells how that ended.
import type { ProgramPlan } from "../../../schemas/plan.ts";
import type { Execution, OutputTaker, RunningProgram } from "../session/executions.ts";

const SIGKILL = 9;
/** What is kept of what a check says: its end, where programs say what is wrong. */
const MAX_TOLD_CHARACTERS = 200;

/** What a check does with the machine. */
export interface CheckingMachine {
  execute(execution: Execution, take: OutputTaker): RunningProgram;
  probe(port: number): RunningProgram;
}

/**
 * Asks.
 * @param signal ends the question
 * @returns what is wrong; undefined where the program works
 */
export async function checkHealth(
  machine: CheckingMachine,
  program: ProgramPlan,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { run, connect, timeoutMs } = program.health!;
  const { env, uid, gid } = program, decoder = new TextDecoder();
  let told = "", late = false;
  const take: OutputTaker = (bytes) => {
    told = (told + decoder.decode(bytes, { stream: true })).slice(-MAX_TOLD_CHARACTERS);
  };
  try {
    const running = run === undefined
      ? machine.probe(connect!)
      : machine.execute({ words: run, env, cwd: "/", uid, gid }, take);
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
    if (status === 0) return undefined;
    if (late) return `no answer in ${timeoutMs} ms`;
    const last = told.trimEnd().split("\n").at(-1)!;
    return reason ?? `${run![0]} ended with ${status}${last === "" ? "" : `: ${last}`}`;
  } catch (failure) {
    return (failure as Error).message;
  }
}
