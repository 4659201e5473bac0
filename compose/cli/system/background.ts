// The process of a system in the background, which `compose up --detach` starts: it has no terminal, and all
// that it says goes to the log of its system.
// Arguments: the absolute path of the manifest, the name to run it under, where to write a trace at the end
// (empty for nowhere), and whether it stays.
import { boot } from "../../../runtime/boot.ts";
import { STAY } from "./detach.ts";
import { HostedSystem } from "./hosted_system.ts";
import { Exit, plan } from "../input.ts";
import { giveUpNetwork } from "../network.ts";
import { Interruption, stopOnSignals } from "../terminal/signals.ts";
import { writeTrace } from "../trace_file.ts";

const [file, name, trace, stay] = Deno.args;
const compiled = await plan(file, {});
compiled.name = name;
const interruption = new Interruption();
const hosted = await HostedSystem.open({
  plan: compiled,
  file,
  keeps: true,
  early: () => interruption.interrupt(),
}).catch((failure: Error) => {
  // There is no log yet: who started it reads this.
  console.error(failure.message);
  Deno.exit(Exit.FAILED);
});
const fail = async (failure: unknown): Promise<never> => {
  const code = interruption.happened ? Exit.INTERRUPTED : Exit.FAILED;
  await hosted.end(code, failure instanceof Error ? failure.message : String(failure));
  Deno.exit(code);
};
// A fault of ours has nobody to see it but the log.
for (const kind of ["error", "unhandledrejection"] as const) {
  globalThis.addEventListener(kind, (event) => {
    event.preventDefault();
    const cause = event instanceof ErrorEvent
      ? event.error
      : (event as PromiseRejectionEvent).reason;
    void fail(cause instanceof Error ? cause.stack ?? cause : cause);
  });
}
giveUpNetwork(compiled, "start");
const machine = await boot(compiled, {
  onOutput: (program, bytes, stream) => hosted.output(program, bytes, stream),
  onEvent: (event) => {
    hosted.event(event);
    giveUpNetwork(compiled, event.kind);
  },
  onTrace: trace === "" ? undefined : (taken) => hosted.note(writeTrace(trace, taken)),
  stays: stay === STAY,
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
