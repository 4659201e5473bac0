// `compose up`: boots the machine, shows what its programs print, ends with a table; or leaves it running in
// the background.
import { Command, ValidationError } from "@cliffy/command";
import { resolvePath } from "../source/load.ts";
import { detach } from "./system/detach.ts";
import { eventText } from "./system/event_text.ts";
import { HostedSystem } from "./system/hosted_system.ts";
import { Exit, plan, type Shared } from "./input.ts";
import { giveUpNetwork } from "./network.ts";
import { writableFile } from "./output_place.ts";
import { PrefixedOutput } from "./terminal/prefixed_output.ts";
import { StatusLine } from "./terminal/progress.ts";
import { reportText } from "./report_text.ts";
import { Interruption, stopOnSignals } from "./terminal/signals.ts";
import { takesColor, writeAll } from "./terminal/streams.ts";
import { NameTaken } from "./system/system_folder.ts";
import { Terminal } from "./terminal/terminal.ts";
import { writeTrace } from "./trace_file.ts";

interface Options extends Shared {
  detach?: boolean;
  name?: string;
  stay?: boolean;
  trace?: string;
}

export const upCommand = new Command()
  .description(
    "Boot the machine and run its programs.\n" +
      "Ctrl-C ends it: programs get SIGTERM, and SIGKILL after five seconds; again,\n" +
      "and it ends at once. With --detach it goes on in the background, and the\n" +
      "command ends when all programs are ready: `compose ps`, `logs`, `exec` and\n" +
      "`stop` are for what runs, here or in the background.",
  )
  .arguments("<file:string>")
  .option("-d, --detach", "leave it running in the background")
  .option("--stay", "go on when no program runs any more, until it is stopped")
  .option("--trace <file:string>", "write there at the end what every thread did, for Perfetto")
  .option("--name <name:string>", "run it under this name, in place of the manifest's")
  .example("Boot", "compose up examples/quickstart.yaml")
  .example("In the background", "compose up -d server.yaml")
  .example("Nothing but a machine to run programs on", "compose up -d --stay server.yaml")
  .example("A second one of the same manifest", "compose up -d --name server2 server.yaml")
  .action(up);

async function up(options: Options, file: string): Promise<void> {
  if (options.trace !== undefined) options.trace = writableFile(options.trace, "the trace");
  const compiled = await plan(file, options);
  if (options.name !== undefined) compiled.name = checkedName(options.name);
  const path = resolvePath(`${Deno.cwd()}/`, file);
  if (options.detach) return await detach(compiled, path, options);
  // No other command pays for loading the runtime.
  const { boot } = await import("../../runtime/boot.ts");
  const reader = compiled.programs.find(({ stdin }) => stdin === "console");
  const terminal = reader === undefined || options.json ? undefined : Terminal.find();
  const color = takesColor(Deno.stdout) && !options.json;
  const output = new PrefixedOutput(color, options.json ? Deno.stderr : Deno.stdout);
  const status = new StatusLine(!options.json, terminal), interruption = new Interruption();
  const hosted = await HostedSystem.open({
    plan: compiled,
    file: path,
    keeps: false,
    early: () => interruption.interrupt(),
  }).catch((failure) => {
    if (!(failure instanceof NameTaken)) throw failure;
    console.error(`compose: ${failure.message}; stop it, or say --name`);
    Deno.exit(Exit.FAILED);
  });
  status.show(`booting ${compiled.name} ...`);
  const fail = async (failure: unknown): Promise<never> => {
    const reason = failure instanceof Error ? failure.message : String(failure);
    terminal?.takeBack();
    status.note(`compose: ${reason}`);
    const code = interruption.happened ? Exit.INTERRUPTED : Exit.FAILED;
    await hosted.end(code, reason);
    Deno.exit(code);
  };
  const atOnce = () => void fail("ended at once: what programs did not sync may be lost");
  let leaving = false;
  const leave = () => {
    if (leaving) atOnce();
    leaving = true;
    machine.stop().catch(() => {});
  };
  giveUpNetwork(compiled, "start");
  const machine = await boot(compiled, {
    input: reader === undefined ? undefined : terminal?.input(leave) ?? Deno.stdin.readable,
    terminal: terminal?.host,
    stays: options.stay,
    onTrace: options.trace === undefined
      ? undefined
      : (trace) => status.note(writeTrace(options.trace!, trace)),
    onOutput: (program, bytes, stream) => {
      status.clear();
      hosted.output(program, bytes, stream);
      if (terminal !== undefined && program === reader!.name) writeAll(Deno.stdout, bytes);
      else output.write(program, bytes);
    },
    onEvent: (event) => {
      hosted.event(event);
      giveUpNetwork(compiled, event.kind);
      if (options.json) return;
      if (event.kind === "image-progress") return status.image(event);
      const text = eventText(event, compiled.name);
      if (text !== undefined) status.note(text);
      if (event.kind === "ready" && compiled.ready !== undefined) status.note(compiled.ready);
    },
    signal: interruption.signal,
  }).catch(fail);
  interruption.end();
  hosted.attach(machine);
  stopOnSignals(machine, compiled.programs.map(({ name }) => name), atOnce);
  terminal?.give(machine);
  const watched = terminal === undefined ? status.watch(machine) : () => {};
  const report = await machine.wait().catch(fail);
  watched();
  terminal?.takeBack();
  output.flush();
  console.log(options.json ? JSON.stringify(report, null, 2) : `\n${reportText(report)}`);
  const failed = report.programs.find((program) => program.status !== 0);
  const code = interruption.happened ? Exit.INTERRUPTED : failed?.status ?? Exit.OK;
  await hosted.end(code, report);
  Deno.exit(code);
}

function checkedName(name: string): string {
  if (/^[a-z][a-z0-9_-]{0,62}$/.test(name)) return name;
  throw new ValidationError(
    `"${name}" is no name: that is a lower-case letter, then letters, digits, - and _`,
  );
}
