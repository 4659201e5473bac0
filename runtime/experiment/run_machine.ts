// One run, in a process of its own: boots the machine that standard input describes, until its workload's
// program has ended, and prints what came of it. Nothing is shared with other runs: neither compiled code nor
// heap, and one that hangs can be killed.
import type { Plan } from "../../schemas/plan.ts";
import { boot } from "../boot.ts";
import type { MachineReport } from "../report.ts";

/** What the process is told. */
export interface RunRequest {
  machine: Plan;
  /** the program that is measured */
  program: string;
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
}

/** The first line of what it prints: from here on the run is timed. */
const IMAGES_READY = new TextEncoder().encode("{}\n");
/** The end of what is kept for people. */
const NOISE_CHARACTERS = 4000;

async function run({ machine: plan, program, folder }: RunRequest): Promise<RunAnswer> {
  for (const device of plan.machine.devices) {
    if (device.image !== undefined && device.create !== undefined) {
      device.image = `${folder}/${device.name}.img`;
    }
  }
  const printed = new TextDecoder(), other = new TextDecoder();
  let output = "", noise = "", ended = false;
  const booting = boot(plan, {
    onOutput: (name, bytes, stream) => {
      if (name === program && stream === "stdout") {
        output += printed.decode(bytes, { stream: true });
      } else noise = (noise + other.decode(bytes, { stream: true })).slice(-NOISE_CHARACTERS);
    },
    onEvent: (event) => {
      if (event.kind === "images-ready") Deno.stdout.writeSync(IMAGES_READY);
      if (event.kind !== "program-ended" || event.program !== program) return;
      ended = true;
      void booting.then((machine) => machine.stop()).catch(() => {});
    },
  });
  const machine = await booting;
  if (ended) machine.stop().catch(() => {});
  return { report: await machine.wait(), output, noise };
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
