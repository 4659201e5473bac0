// `compose stop` and `compose down`: end systems in good order; `down` forgets them, too.
import { Command, ValidationError } from "@cliffy/command";
import { ControlClient } from "./system/control_client.ts";
import { parseDuration } from "./duration.ts";
import { findSystem } from "./system/find_system.ts";
import { Exit, type Shared } from "./input.ts";
import { forgetSystem, isRunning, type SystemEntry } from "./system/system_folder.ts";

/** What a system has beyond its programs' time of grace, to write its file systems back. */
const PATIENCE_MS = 15_000;
const LOOK_MS = 10;

interface Options extends Shared {
  timeout?: string;
}

const describe = (command: Command): Command =>
  command
    .arguments("<system:string:system> [more...:string:system]")
    .option(
      "-t, --timeout <time:string>",
      "how long each program has to end before it is killed: 0s, 500ms, 1m; else what the manifest says",
    );

export const stopCommand = describe(
  new Command().description(
    "Stop systems.\n" +
      "Programs get their signal (SIGTERM), after a time of grace SIGKILL; images\n" +
      "are clean. Where a system does not answer, its process is killed. The log of\n" +
      "one in the background stays.",
  ),
)
  .example("By name", "compose stop server")
  .example("By manifest", "compose stop examples/quickstart.yaml")
  .example("At once", "compose stop --timeout 0s server")
  .action((options: Options, ...given: string[]) => stopAll(options, given, false));

export const downCommand = describe(
  new Command().description("Stop systems, and forget their logs and how they ended."),
)
  .example("By name", "compose down server")
  .example("Two", "compose down server client")
  .action((options: Options, ...given: string[]) => stopAll(options, given, true));

async function stopAll(options: Options, given: string[], forget: boolean): Promise<void> {
  const graceMs = options.timeout === undefined ? undefined : parseDuration(options.timeout);
  if (options.timeout !== undefined && graceMs === undefined) {
    throw new ValidationError(`Say --timeout 10s, 500ms or 1m, not "${options.timeout}"`);
  }
  const entries = given.map((name) => findSystem(name));
  const done = await Promise.all(entries.map(async (entry) => {
    const how = entry.end === undefined ? await stop(entry, graceMs) : "had ended";
    if (forget) forgetSystem(entry);
    return { name: entry.name, how };
  }));
  if (options.json) console.log(JSON.stringify({ systems: done }, null, 2));
  else for (const { name, how } of done) console.log(`${name} ${how}`);
  Deno.exit(done.some(({ how }) => how === "was killed") ? Exit.FAILED : Exit.OK);
}

/** @returns what became of it, in words */
async function stop(entry: SystemEntry, graceMs: number | undefined): Promise<string> {
  const gracesMs = entry.gracesMs.map((own) => graceMs ?? own);
  const deadlineMs = performance.now() + gracesMs.reduce((a, b) => a + b, PATIENCE_MS);
  const left = () => deadlineMs - performance.now();
  const request = { do: "stop" as const, ...(graceMs === undefined ? {} : { graceMs }) };
  const asked = await ControlClient.once(entry.folder, request, left()) !== undefined;
  // A process without a control socket understands signals all the same.
  if (!asked && isRunning(entry)) signal(entry, "SIGTERM");
  while (isRunning(entry) && left() > 0) await sleep(LOOK_MS);
  if (!isRunning(entry)) return "has stopped";
  signal(entry, "SIGKILL");
  while (isRunning(entry)) await sleep(LOOK_MS);
  return "was killed";
}

/** Its lock is held, so the process that the record names is the one that runs it. */
function signal({ pid }: SystemEntry, name: "SIGTERM" | "SIGKILL"): void {
  try {
    Deno.kill(pid, name);
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
