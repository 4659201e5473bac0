// A root file system on which the machine itself has run commands, as the scripts of an installer do: made once
// of the same base and the same commands, and kept beside the base.
import type { BootOptions, RunningMachine } from "../../boot.ts";
import type { DevicePlan } from "../../../schemas/machine_plan.ts";
import type { Plan } from "../../../schemas/plan.ts";
import { sha256Of } from "../../image/debian/store.ts";
import type { Progress } from "../../image/progress.ts";

/** Boots a plan; resolves as soon as further programs can run. */
export type BootForPreparation = (plan: Plan, options: BootOptions) => Promise<RunningMachine>;

const BASE_MODE = 0o444, OWN_MODE = 0o644;
/** What is told of the output of a command that failed. */
const LAST_BYTES = 2000;

/** What a run would leave: other disks in overlays, nothing of the host reachable, no programs, no faults. */
function preparationPlan(plan: Plan, device: string, image: string): Plan {
  const disk = (each: DevicePlan): DevicePlan => {
    const { rootfs, image: own, create: _, network, ...rest } = each;
    if (each.name === device) return { ...rest, image };
    if (rootfs !== undefined) {
      const { keep: _, prepare: __, ...base } = rootfs;
      return { ...rest, rootfs: base };
    }
    if (own !== undefined) return { ...rest, rootfs: { image: own, links: {}, files: {} } };
    if (network?.backend.kind !== "user") return each;
    const backend = { ...network.backend, forward: [], allow: [] };
    return { ...rest, network: { mac: network.mac, backend } };
  };
  const { faults: _, ...sound } = plan;
  return {
    ...sound,
    programs: [],
    machine: { ...plan.machine, devices: plan.machine.devices.map(disk) },
  };
}

/** Runs the commands, one after the other. @throws Error that says which of them failed, and how */
async function runCommands(
  machine: RunningMachine,
  device: string,
  commands: string[],
  progress: Progress,
): Promise<void> {
  for (const [done, what] of commands.entries()) {
    progress({ step: "prepare", what, done, total: commands.length });
    let output = "";
    const decoder = new TextDecoder();
    const execution = { words: ["/bin/sh", "-c", what], env: {}, cwd: "/", uid: 0, gid: 0 };
    const program = machine.execute(execution, (bytes) => {
      output = (output + decoder.decode(bytes, { stream: true })).slice(-LAST_BYTES);
    });
    program.endInput();
    const { status, reason } = await program.ended;
    if (status === 0) continue;
    throw new Error(
      `Cannot prepare ${device}: "${what}" ended with ${status}${reason ? ` (${reason})` : ""}` +
        (output === "" ? "" : `; the last that it said:\n${output.trimEnd()}`),
    );
  }
}

/**
 * Path of the image that preparing a base makes, which is made if it is not there.
 * @param base path of the image to begin with
 * @throws Error when a command fails; nothing is left of what it did
 */
export async function preparedImage(
  plan: Plan,
  device: string,
  { base, commands, cacheFolder }: { base: string; commands: string[]; cacheFolder: string },
  boot: BootForPreparation,
  progress: Progress,
  signal?: AbortSignal,
): Promise<string> {
  const key = await sha256Of(new TextEncoder().encode(JSON.stringify([base, commands])));
  const path = `${cacheFolder}/images/${key}.prepared.img`;
  if (await isFile(path)) return path;
  await Deno.mkdir(`${cacheFolder}/images`, { recursive: true });
  const unfinished = await Deno.makeTempFile({ dir: `${cacheFolder}/images`, suffix: ".part" });
  try {
    await Deno.copyFile(base, unfinished);
    await Deno.chmod(unfinished, OWN_MODE);
    const booted = Promise.withResolvers<void>();
    const machine = await boot(preparationPlan(plan, device, unfinished), {
      stays: true,
      signal,
      onEvent: ({ kind }) => kind === "booted" && booted.resolve(),
    });
    const ended = machine.wait();
    try {
      await Promise.race([booted.promise, ended]);
      await runCommands(machine, device, commands, progress);
    } finally {
      await machine.stop();
    }
    signal?.throwIfAborted();
    await Deno.chmod(unfinished, BASE_MODE);
    await Deno.rename(unfinished, path);
  } catch (failure) {
    await Deno.remove(unfinished);
    throw failure;
  }
  return path;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}
