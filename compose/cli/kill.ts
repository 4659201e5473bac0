// `compose kill`: a signal to programs of a running system.
import { Command, ValidationError } from "@cliffy/command";
import { SIG } from "../../runtime/kernel/process/signal/signal.ts";
import { suggest } from "../diagnostic/suggest.ts";
import { demand } from "./system/demand.ts";
import { findRunning } from "./system/find_system.ts";
import { Exit, type Shared } from "./input.ts";

export const killCommand = new Command()
  .description(
    "Send a signal to programs of a running system, and to what they started.\n" +
      "It goes to all programs of the manifest where none is named.",
  )
  .arguments("<system:string:system> [program...:string]")
  .option("-s, --signal <signal:string>", "its name or number", { default: "TERM" })
  .example("Have a program read its settings again", "compose kill -s HUP server web")
  .action(kill);

async function kill(
  { signal, json }: Shared & { signal: string },
  given: string,
  ...programs: string[]
): Promise<void> {
  const number = signalNumber(signal);
  const system = findRunning(given);
  await demand(system, { do: "signal", programs, number });
  if (json) console.log(JSON.stringify({ system: system.name, signal: number, programs }));
  Deno.exit(Exit.OK);
}

/** @param given "TERM", "SIGTERM" or "15" */
function signalNumber(given: string): number {
  const name = given.toUpperCase().replace(/^SIG/, "");
  const number = /^\d+$/.test(given) ? Number(given) : (SIG as Record<string, number>)[name];
  if (number !== undefined && number >= 1 && number <= 64) return number;
  const hint = suggest(name, Object.keys(SIG));
  throw new ValidationError(
    `There is no signal "${given}"${hint === undefined ? "" : `: ${hint}`}`,
  );
}
