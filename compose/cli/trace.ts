// `compose trace`: what every thread of a running system does for some time, and which of it causes which.
import { Command, ValidationError } from "@cliffy/command";
import { ProtocolError } from "../../runtime/boot/control/control_protocol.ts";
import type { ChromeTrace } from "../../runtime/boot.ts";
import { ControlClient, Refused } from "./system/control_client.ts";
import { findRunning } from "./system/find_system.ts";
import { Exit, type Shared } from "./input.ts";
import { writableFile } from "./output_place.ts";
import { StatusLine } from "./terminal/progress.ts";
import { traceText } from "./trace_file.ts";

interface Options extends Shared {
  seconds: number;
  out?: string;
}

const MOST_SECONDS = 3600;

export const traceCommand = new Command()
  .description(
    "Record what every thread of a running system does.\n" +
      "From programs' calls over rings and domains to devices and back, as JSON for\n" +
      "ui.perfetto.dev or chrome://tracing. Each thread keeps its last 65,536\n" +
      "records; how many were overwritten is said. `up` and `run` trace from the\n" +
      "boot on: --trace.",
  )
  .arguments("<system:string:system>")
  .option("--seconds <number:number>", "for how long", { default: 1 })
  .option("--out <file:string>", "where to write it, in place of SYSTEM.trace.json")
  .example("A second of it", "compose trace server")
  .example("A moment of it", "compose trace server --seconds 0.1 --out moment.json")
  .action(trace);

async function trace({ seconds, out, json }: Options, given: string): Promise<void> {
  if (!(seconds > 0 && seconds <= MOST_SECONDS)) {
    throw new ValidationError(`Say --seconds 1, up to ${MOST_SECONDS}, not ${seconds}`);
  }
  const { folder, name } = findRunning(given);
  const path = out ?? `${name}.trace.json`;
  writableFile(path, "the trace");
  const status = new StatusLine(!json);
  status.show(`recording ${name} for ${seconds} s ...`);
  try {
    const bytes = await fetchTrace(folder, seconds * 1000).finally(() => status.clear());
    if (bytes === undefined) console.error(`compose: system "${name}" has ended`);
    else {
      Deno.writeFileSync(path, bytes);
      const taken: ChromeTrace = JSON.parse(new TextDecoder().decode(bytes));
      const { otherData } = taken;
      console.log(json ? JSON.stringify({ file: path, ...otherData }) : traceText(path, taken));
      Deno.exit(Exit.OK);
    }
  } catch (failure) {
    if (!(failure instanceof Refused || failure instanceof ProtocolError)) throw failure;
    console.error(`compose: ${failure.message}`);
  }
  Deno.exit(Exit.FAILED);
}

/** @returns JSON; undefined where the system ended before it was there. @throws Refused, ProtocolError */
async function fetchTrace(folder: string, ms: number): Promise<Uint8Array | undefined> {
  const request = { do: "trace", ms: Math.ceil(ms) } as const;
  const client = await ControlClient.find(folder, request);
  if (client === undefined) return undefined;
  const pieces: BlobPart[] = [];
  try {
    for (let answer = await client.next(); answer !== undefined; answer = await client.next()) {
      if ("output" in answer) pieces.push(answer.output as Uint8Array<ArrayBuffer>);
      else if ("done" in answer) return await new Blob(pieces).bytes();
    }
    return undefined;
  } finally {
    await client.close();
  }
}
