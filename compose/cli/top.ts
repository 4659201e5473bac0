// `compose top`: what a running system does at this moment, on the terminal, as lines or as a page.
import { Command, ValidationError } from "@cliffy/command";
import { ProtocolError } from "../../runtime/boot/control/control_protocol.ts";
import { Refused } from "./system/control_client.ts";
import { parseDuration } from "./duration.ts";
import { findRunning } from "./system/find_system.ts";
import { Exit, type Shared } from "./input.ts";
import { LiveScreen } from "./watch/live_screen.ts";
import { writeAll } from "./terminal/streams.ts";
import { topText } from "./watch/top_text.ts";
import { serveWatchPage } from "./watch/watch_server.ts";
import { watchSystem } from "./watch/watch_system.ts";

interface Options extends Shared {
  interval: string;
  once?: boolean;
  serve?: string;
}

const LEAST_INTERVAL_MS = 100, MOST_INTERVAL_MS = 3_600_000;

export const topCommand = new Command()
  .description(
    "Show what a running system does.\n" +
      "Domains, rings, programs: calls a second, how long they take, restarts,\n" +
      "memory. On a terminal the table is drawn anew until q or Ctrl-C; elsewhere\n" +
      "tables follow each other, with --json lines, until the system ends.",
  )
  .arguments("<system:string:system>")
  .option("--interval <time:string>", "what rates and percentiles are of", { default: "1s" })
  .option("--once", "one table, and no more")
  .option("--serve <place:string>", "a page with charts there, such as 127.0.0.1:8080, or :0")
  .example("On the terminal", "compose top server")
  .example("For a script", "compose top --once --json server")
  .example("In a browser", "compose top --serve 127.0.0.1:8080 server")
  .action(top);

async function top(options: Options, given: string): Promise<void> {
  const intervalMs = intervalOf(options);
  const place = options.serve === undefined ? undefined : placeOf(options.serve);
  if (place !== undefined && options.once) {
    throw new ValidationError("--once is for a table, and --serve for a page");
  }
  const system = findRunning(given);
  const leaving = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => leaving.abort());
  }
  const show = async () => {
    const screen = options.json || options.once ? undefined : LiveScreen.find(leaving);
    try {
      for await (const sample of watchSystem(system, intervalMs, leaving.signal)) {
        const text = options.json ? JSON.stringify(sample) : topText(sample);
        if (screen !== undefined) screen.draw(text);
        else if (
          !writeAll(Deno.stdout, encode(`${text}\n${options.json || options.once ? "" : "\n"}`))
        ) {
          break;
        }
        if (options.once) break;
      }
    } finally {
      screen?.leave();
    }
  };
  try {
    if (place === undefined) await show();
    else await serveWatchPage(system, { ...place, intervalMs, signal: leaving.signal });
  } catch (failure) {
    const reason = failure instanceof Refused || failure instanceof ProtocolError
      ? failure.message
      : failure instanceof Deno.errors.AddrInUse
      ? `cannot serve at ${options.serve}: the port is in use`
      : failure instanceof Deno.errors.PermissionDenied
      ? `cannot serve at ${options.serve}: permission denied`
      : undefined;
    if (reason === undefined) throw failure;
    console.error(`compose: ${reason}`);
    Deno.exit(Exit.FAILED);
  }
  Deno.exit(Exit.OK);
}

const encode = (text: string) => new TextEncoder().encode(text);

/** @throws ValidationError */
function intervalOf({ interval }: Options): number {
  const ms = parseDuration(interval);
  if (ms === undefined || ms < LEAST_INTERVAL_MS || ms > MOST_INTERVAL_MS) {
    throw new ValidationError(`Say --interval 100ms, 1s or 1m, not "${interval}"`);
  }
  return ms;
}

/** Where a page may be served: who can reach it sees all that is told of the system. @throws ValidationError */
function placeOf(text: string): { hostname: string; port: number } {
  const [, host, digits] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 0xffff) {
    throw new ValidationError(`Say --serve 127.0.0.1:8080, not "${text}"`);
  }
  const hostname = host === "" ? "127.0.0.1" : host.replace(/^\[(.*)\]$/, "$1");
  if (!["127.0.0.1", "::1", "localhost"].includes(hostname)) {
    throw new ValidationError(`The page is for this host: say --serve 127.0.0.1:${port}`);
  }
  return { hostname, port };
}
