// The process of a system in the background, which `compose up --detach` starts: it has no terminal, and all
// that it says goes to the log of its system.
// Arguments: the absolute path of the manifest, and the name to run it under.
import { boot } from "../../runtime/boot.ts";
import { HostedSystem } from "./hosted_system.ts";
import { Exit, plan } from "./input.ts";
import { fetches, giveUpNetwork } from "./network.ts";
import { Interruption, stopOnSignals } from "./signals.ts";

const [file, name] = Deno.args;
const compiled = await plan(file, {});
compiled.name = name;
const interruption = new Interruption();
const hosted = await HostedSystem.open({
  name,
  file,
  keeps: true,
  early: () => interruption.interrupt(),
});
const fail = async (failure: unknown): Promise<never> => {
  const code = interruption.happened ? Exit.INTERRUPTED : Exit.FAILED;
  await hosted.end(code, failure instanceof Error ? failure.message : String(failure));
  Deno.exit(code);
};
if (!fetches(compiled)) giveUpNetwork();
const machine = await boot(compiled, {
  onOutput: (program, bytes, stream) => hosted.output(program, bytes, stream),
  onEvent: (event) => {
    hosted.event(event);
    if (event.kind === "images-ready") giveUpNetwork();
  },
  signal: interruption.signal,
}).catch(fail);
interruption.end();
hosted.attach(machine);
stopOnSignals(
  machine,
  compiled.programs.map((program) => program.name),
  () => void fail("ended at once: what programs did not sync may be lost"),
);
const report = await machine.wait().catch(fail);
const code = report.programs.find((program) => program.status !== 0)?.status ?? Exit.OK;
await hosted.end(code, report);
Deno.exit(code);
