// One run, in a process of its own: boots the machine that standard input describes, until its workload's
// program has ended, and prints what came of it. Nothing is shared with other runs: neither compiled code nor
// heap, and one that hangs can be killed.
import type { HostCommand } from "../../schemas/experiment_plan.ts";
import type { Plan } from "../../schemas/plan.ts";
import { boot } from "../boot.ts";
import type { MachineReport } from "../report.ts";

/** What the process is told. */
export interface RunRequest {
  machine: Plan;
  /** the program that is measured, by its name */
  program: string;
  /** in place of a program of the machine: begun once the machine's programs are ready */
  command?: HostCommand;
  /** images that the machine may write are made here */
  folder: string;
}

/** What it answers. */
export interface RunAnswer {
  report: MachineReport;
  /** what the program printed */
  output: string;
  /** its errors, and what the other programs printed: for people */
  noise: string;
  /** how the program ended: a status, or the signal that ended it; none where it never began */
  status?: number | string;
}

/** The first line of what it prints: from here on the run is timed. */
const IMAGES_READY = new TextEncoder().encode("{}\n");
/** The end of what is kept for people. */
const NOISE_CHARACTERS = 4000;

/** Runs the machine until the workload's program has ended, wherever that runs. */
async function run(request: RunRequest): Promise<RunAnswer> {
  const { machine: plan, program, command } = request;
  for (const device of plan.machine.devices) {
    if (device.image !== undefined && device.create !== undefined) {
      device.image = `${request.folder}/${device.name}.img`;
    }
  }
  const printed = new TextDecoder(), other = new TextDecoder();
  const ready = Promise.withResolvers<void>();
  let output = "", noise = "", ended = false;
  const keep = (text: string) => void (noise = (noise + text).slice(-NOISE_CHARACTERS));
  const booting = boot(plan, {
    onOutput: (name, bytes, stream) => {
      if (name === program && stream === "stdout") {
        output += printed.decode(bytes, { stream: true });
      } else keep(other.decode(bytes, { stream: true }));
    },
    onEvent: (event) => {
      if (event.kind === "images-ready") Deno.stdout.writeSync(IMAGES_READY);
      // Such as why it could not be started.
      if (event.kind === "log" && event.domain === program) keep(`${event.line}\n`);
      if (event.kind === "ready") ready.resolve();
      if (event.kind === "not-ready") ready.reject(new Error(event.reason));
      if (event.kind !== "program-ended" || event.program !== program) return;
      ended = true;
      void booting.then((machine) => machine.stop()).catch(() => {});
    },
  });
  // Without a command nobody waits for it.
  ready.promise.catch(() => {});
  const machine = await booting;
  if (command !== undefined) {
    const early = machine.wait().then(() => {
      throw new Error("the machine ended before the host's program had begun");
    });
    early.catch(() => {});
    await Promise.race([ready.promise, early]);
    const { code, signal, stdout, stderr } = await runOnHost(command);
    machine.stop().catch(() => {});
    const report = await machine.wait();
    const errors = `${noise}${new TextDecoder().decode(stderr)}`.slice(-NOISE_CHARACTERS);
    const text = new TextDecoder().decode(stdout);
    return { report, output: text, noise: errors, status: signal ?? code };
  }
  if (ended) machine.stop().catch(() => {});
  const report = await machine.wait();
  const own = report.programs.find(({ name }) => name === program);
  return { report, output, noise, status: own?.signal ?? own?.status };
}

/** Runs a command, which ends with this process. @throws Error that names a program which is not there */
async function runOnHost({ run, args, env }: HostCommand): Promise<Deno.CommandOutput> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(run, { args, env, stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    throw new Error(`there is no program "${run}" on this host`);
  }
  const end = () => {
    child.kill("SIGKILL");
    Deno.exit(1);
  };
  Deno.addSignalListener("SIGTERM", end);
  const output = await child.output();
  Deno.removeSignalListener("SIGTERM", end);
  return output;
}

if (import.meta.main) {
  const request: RunRequest = JSON.parse(await new Response(Deno.stdin.readable).text());
  const answer = await run(request).catch((failure) => ({
    failure: String(failure?.message ?? failure),
  }));
  // A pipe takes what fits: all of it has to be gone before the process is.
  const bytes = new TextEncoder().encode(JSON.stringify(answer));
  for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
  Deno.exit(0);
}
