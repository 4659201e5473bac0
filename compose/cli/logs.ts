// `compose logs`: what the programs of a system have printed, and what happened to it.
import { Command, ValidationError } from "@cliffy/command";
import { suggest } from "../diagnostic/suggest.ts";
import { ControlClient } from "./system/control_client.ts";
import { parseDuration } from "./duration.ts";
import { findSystem } from "./system/find_system.ts";
import { Exit, type Shared } from "./input.ts";
import { logText } from "./system/log_text.ts";
import { takesColor, writeAll } from "./terminal/streams.ts";
import { isRunning, type SystemEntry } from "./system/system_folder.ts";
import { readLog } from "./system/system_log.ts";

interface Options extends Shared {
  follow?: boolean;
  since?: string;
  program?: string;
  timestamps?: boolean;
}

export const logsCommand = new Command()
  .description(
    "Print what programs of a system have printed, and what happened to it.\n" +
      "Standard error of programs goes to standard error. The last 8 to 16 MiB are\n" +
      "kept.",
  )
  .arguments("<system:string:system>")
  .option("-f, --follow", "go on until the system ends")
  .option("--since <time:string>", "leave out what is older: 30s, 5m, 1h30m, or a date and time")
  .option("--program <name:string>", "only this program's lines, without its name before them")
  .option("-t, --timestamps", "print when each line was written")
  .example("All", "compose logs server")
  .example("As it comes", "compose logs -f server")
  .example("One program's last five minutes", "compose logs --since 5m --program web server")
  .action(logs);

async function logs(options: Options, given: string): Promise<void> {
  const sinceMs = options.since === undefined ? -Infinity : momentOf(options.since, Date.now());
  const entry = findSystem(given);
  if (options.program !== undefined) await checkProgram(entry, options.program);
  const color = takesColor(Deno.stdout), encoder = new TextEncoder();
  const more = () => options.follow === true && entry.end === undefined && isRunning(entry);
  for await (const line of readLog(entry.folder, more)) {
    if (line.ms < sinceMs) continue;
    if (options.program !== undefined && line.program !== options.program) continue;
    const text = options.json
      ? JSON.stringify(line)
      : logText(line, { color, named: options.program === undefined, times: options.timestamps });
    const sink = line.stream === "stderr" && !options.json ? Deno.stderr : Deno.stdout;
    if (!writeAll(sink, encoder.encode(`${text}\n`))) Deno.exit(Exit.OK);
  }
}

/** Says that a system has no such program, and ends the command; one that is just being started is believed. */
async function checkProgram(entry: SystemEntry, program: string): Promise<void> {
  const names = (await programsOf(entry))?.map(({ name }) => name);
  if (names === undefined || names.includes(program)) return;
  const hint = suggest(program, names);
  console.error(
    `compose: system "${entry.name}" has no program "${program}"${hint ? `: ${hint}` : ""}`,
  );
  Deno.exit(Exit.FAILED);
}

async function programsOf({ folder, end }: SystemEntry): Promise<{ name: string }[] | undefined> {
  if (end !== undefined) return end.report?.programs;
  const answer = await ControlClient.once(folder, { do: "describe" });
  return answer !== undefined && "state" in answer ? answer.state.machine?.programs : undefined;
}

/** @returns milliseconds since 1970 */
function momentOf(text: string, nowMs: number): number {
  const duration = parseDuration(text), date = Date.parse(text);
  if (duration !== undefined) return nowMs - duration;
  if (!Number.isNaN(date)) return date;
  throw new ValidationError(`Say --since 30s, 5m, 1h or 2026-01-31T12:00:00, not "${text}"`);
}
