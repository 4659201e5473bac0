// Boots manifests for tests: an image in a folder of its own, output and events collected.
import {
  boot,
  compile,
  load,
  type MachineEvent,
  type MachineReport,
  type Plan,
  type RunningMachine,
} from "../mod.ts";

/** A compiled example whose images lie in `folder` instead of beside the manifest. */
export async function planOf(
  manifest: string,
  folder: string,
  change: (plan: Plan) => void = () => {},
): Promise<Plan> {
  const { plan, diagnostics } = compile(await load(new URL(`../${manifest}`, import.meta.url)));
  if (plan === undefined) throw new Error(diagnostics.map((each) => each.message).join("\n"));
  for (const device of plan.machine.devices) {
    if (device.image !== undefined) device.image = `${folder}/${device.name}.img`;
  }
  change(plan);
  return plan;
}

export interface Run {
  report: MachineReport;
  events: MachineEvent[];
  output: Map<string, string>;
}

/** No machine of a test runs this long: one that does hangs, and would hold up all tests. */
const LIMIT_MS = 180_000;

/** Runs a machine to its end. `during` is told each event, with the machine once it runs. */
export async function runMachine(
  plan: Plan,
  during: (event: MachineEvent, machine: () => RunningMachine) => void = () => {},
): Promise<Run> {
  const events: MachineEvent[] = [];
  const output = new Map<string, string>();
  const decoder = new TextDecoder();
  const machine: RunningMachine = await boot(plan, {
    onOutput: (program, bytes) =>
      output.set(program, (output.get(program) ?? "") + decoder.decode(bytes)),
    onEvent: (event) => {
      events.push(event);
      during(event, () => machine);
    },
  });
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    void machine.stop(0);
  }, LIMIT_MS);
  const report = await machine.wait().finally(() => clearTimeout(limit));
  if (!late) return { report, events, output };
  const story = [...output.values(), ...events.map((event) => JSON.stringify(event))].join("\n");
  throw new Error(`The machine did not end within ${LIMIT_MS / 1000} s:\n${story}`);
}

/** Runs `body` with a folder that goes away afterwards. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const task = JSON.parse(Deno.readTextFileSync(new URL("../deno.json", import.meta.url))).tasks;
const permissions = (task.compose as string).split(" ").slice(2, -1);

/** What Deno is told to run `compose` as its task does. */
export function composeArguments(...args: string[]): string[] {
  const main = new URL("../compose/cli/main.ts", import.meta.url);
  return ["run", "--quiet", ...permissions, main.pathname, ...args];
}

/** `compose`, as its task runs it, in a folder of its own. */
export function composeCommand(
  folder: string,
  args: string[],
  env: Record<string, string> = {},
  stdin: "null" | "piped" = "null",
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: composeArguments(...args),
    cwd: folder,
    env: { NO_COLOR: "1", XDG_RUNTIME_DIR: folder, VIRTUOS_CACHE: `${folder}/cache`, ...env },
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

/** e2fsck's opinion of an image: empty when it is clean. */
export function checkImage(path: string): string {
  const { code, stdout, stderr } = new Deno.Command("e2fsck", {
    args: ["-fn", path],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  }).outputSync();
  return code === 0 ? "" : new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}
