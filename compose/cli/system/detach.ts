// `compose up --detach`: starts the process in the background, and waits until the system is ready or will
// not be.
import type { Plan } from "../../../schemas/plan.ts";
import { ControlClient } from "./control_client.ts";
import { Exit, type Shared } from "../input.ts";
import { logText } from "./log_text.ts";
import { StatusLine } from "../terminal/progress.ts";
import { listSystems, type SystemEntry } from "./system_folder.ts";
import { readLog } from "./system_log.ts";

/**
 * What Deno is told for the process in the background: it may do what the task `compose` may. V8's flags are
 * for translated code: it gains nothing from inlining, which costs V8's quick compiler at each call, nor from
 * loops compiled several times over, and cannot leave its memory, which has all that it can address.
 */
export const backgroundFlags = [
  "--no-prompt",
  "--v8-flags=--no-wasm-inlining,--no-wasm-loop-peeling,--no-wasm-loop-unrolling,--no-wasm-bounds-checks",
  "--unstable-worker-options",
  "--unstable-ffi",
  "--allow-read",
  "--allow-write",
  "--allow-run",
  "--allow-ffi",
  "--allow-net",
  "--allow-env=TERM,XDG_RUNTIME_DIR,VIRTUOS_CACHE,VIRTUOS_MIRROR,LOG_STREAM,LOG_TOKENS,NO_COLOR,FORCE_COLOR,CLICOLOR_FORCE",
];
/** Tells the process to go on without programs. */
export const STAY = "--stay";
const LOOK_MS = 20;

type Outcome = { readyMs: number } | { notReady: string };

/** @param file absolute path of the manifest */
export async function detach(
  plan: Plan,
  file: string,
  options: Shared & { stay?: boolean; trace?: string },
): Promise<void> {
  const { name } = plan;
  const other = find(name);
  if (other !== undefined && other.end === undefined) {
    console.error(
      `compose: system "${name}" is running (process ${other.pid}, ${other.file}); stop it, or say --name`,
    );
    Deno.exit(Exit.FAILED);
  }
  const status = new StatusLine(!options.json);
  status.show(`starting ${name} ...`);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      ...backgroundFlags,
      new URL("./background.ts", import.meta.url).href,
      file,
      name,
      options.trace ?? "",
      ...(options.stay ? [STAY] : []),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    detached: true,
  }).spawn();
  let died: Deno.CommandStatus | undefined, interrupted: Promise<never> | undefined;
  void child.status.then((status) => died = status);
  const interrupt = async (): Promise<never> => {
    if (died === undefined) child.kill("SIGTERM");
    status.show(`stopping ${name} ...`);
    await child.status;
    status.note(`compose: interrupted: ${name} has stopped`);
    Deno.exit(Exit.INTERRUPTED);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void (interrupted ??= interrupt()));
  }
  let outcome: Outcome | undefined;
  while (outcome === undefined) {
    // Known before the look, so that what it left at its end is seen.
    const last = died, entry = find(name);
    if (entry !== undefined && entry.pid === child.pid) outcome = await outcomeOf(entry, status);
    if (outcome !== undefined) break;
    if (last !== undefined) outcome = { notReady: `its process ended with ${last.code}` };
    else await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  await interrupted;
  let entry = find(name);
  while (!options.stay && entry !== undefined && await isEnding(entry)) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    entry = find(name);
  }
  status.clear();
  if ("readyMs" in outcome) {
    if (entry !== undefined) return succeed(plan, entry, outcome.readyMs, options);
    outcome = { notReady: "somebody took it down" };
  }
  if (entry === undefined) writeErrors(await new Response(child.stderr).text());
  else {
    for await (const line of readLog(entry.folder, () => false)) {
      // What it ended for is said below.
      if (line.stream === "system" && line.text === outcome.notReady) continue;
      console.error(logText(line, { color: false, named: true }));
    }
  }
  const running = entry !== undefined && entry.end === undefined;
  console.error(
    `compose: ${name} is not ready: ${outcome.notReady}` +
      (running ? `; it runs, until \`compose down ${name}\`` : ""),
  );
  Deno.exit(Exit.FAILED);
}

function find(name: string): SystemEntry | undefined {
  return listSystems().find((system) => system.name === name);
}

/** Whether no program runs any more on a system that still does, for a moment. */
async function isEnding({ folder, end }: SystemEntry): Promise<boolean> {
  if (end !== undefined) return false;
  const answer = await ControlClient.once(folder, { do: "describe" });
  if (answer === undefined) return true;
  if (!("state" in answer)) return false;
  const { state, machine } = answer.state;
  return state === "stopping" ||
    machine?.programs.every((program) => program.state === "ended") === true;
}

/** Whether it is ready, or will not be; undefined as long as its socket is not there. */
async function outcomeOf(
  { folder, end }: SystemEntry,
  status: StatusLine,
): Promise<Outcome | undefined> {
  if (end !== undefined) {
    return end.status === 0
      ? { readyMs: Math.round((end.report?.seconds ?? 0) * 1000) }
      : { notReady: end.reason ?? `it ended with ${end.status}` };
  }
  const client = await ControlClient.find(folder, { do: "await" });
  if (client === undefined) return undefined;
  try {
    for (let answer = await client.next(); answer !== undefined; answer = await client.next()) {
      if ("making" in answer) status.image(answer.making);
      else if ("ready" in answer) return { readyMs: answer.ready.ms };
      else if ("notReady" in answer) return { notReady: answer.notReady };
    }
  } finally {
    await client.close();
  }
}

function succeed(plan: Plan, entry: SystemEntry, ms: number, { json }: Shared): never {
  const { name, pid, file, end } = entry;
  if (json) console.log(JSON.stringify({ name, pid, file, readyMs: Math.round(ms) }));
  else if (end !== undefined) {
    console.log(
      `${name} has run and ended with ${end.status}; \`compose logs ${name}\` shows what it printed`,
    );
  } else {
    console.log(`${name} is ready in ${ms.toFixed(0)} ms, process ${pid}`);
    if (plan.ready !== undefined) console.log(plan.ready);
    console.log(
      `  compose ps ${name}       how it is doing\n` +
        `  compose logs -f ${name}  what it prints\n` +
        `  compose down ${name}     end it`,
    );
  }
  Deno.exit(Exit.OK);
}

function writeErrors(text: string): void {
  if (text !== "") console.error(text.trimEnd());
}
