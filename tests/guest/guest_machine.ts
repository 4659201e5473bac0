// Boots machines for guest tests: a root file system that is a folder, files served by a storage domain
// of its own, one program of the folder, and what it wrote.
import {
  boot,
  compile,
  load,
  type MachineEvent,
  type Plan,
  type RunningMachine,
} from "../../mod.ts";
import { smallManifest } from "../fixtures/small_manifest.ts";

/** The manifest of the machine. @param disk what its disk is made of */
const manifest = (disk: string, memory: string) =>
  smallManifest({
    name: "guest",
    memory,
    disk,
    storage:
      "memory: 64MiB, recovery: { policy: restart, clients: retry, backoff: 1ms, restarts: 100 }",
    filesystems: ["tmpfs", "procfs", "sysfs"],
  });

/** No program takes longer, on the slowest of machines. */
const LONGEST_MS = 120_000;

/** A program of the machine, as absolute path and arguments, and its environment. */
export interface Guest {
  words: string[];
  env?: Record<string, string>;
}

/** How a guest program ended, and what it wrote. */
export interface GuestRun {
  status: number;
  out: string;
  err: string;
  restarts: number;
}

/**
 * A plan for one program.
 * @param folder where the manifest is written
 * @param disk the disk's `image:` or `rootfs:`, as the manifest says it
 */
export async function guestPlan(
  folder: string,
  disk: string,
  guest: Guest,
  memory = "256MiB",
): Promise<Plan> {
  const path = `${folder}/guest.yaml`;
  await Deno.writeTextFile(path, manifest(disk, memory));
  const { plan, diagnostics } = compile(await load(path));
  if (plan === undefined) throw new Error(diagnostics.map((each) => each.message).join("\n"));
  const [program, ...args] = guest.words;
  plan.programs = [{
    name: "guest",
    kind: "elf",
    path: program,
    argv0: program,
    args,
    env: guest.env ?? {},
    cwd: "/",
    uid: 0,
    gid: 0,
    console: 0,
    errors: 1,
    stdin: "none",
    terminal: false,
  }];
  return plan;
}

/** Runs the plan's program to its end. `during` is told each event, with the machine once it runs. */
export async function runGuest(
  plan: Plan,
  during: (event: MachineEvent, machine: () => RunningMachine) => void = () => {},
): Promise<GuestRun> {
  const written = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const logs: string[] = [];
  const machine: RunningMachine = await boot(plan, {
    onOutput: (_program, bytes, stream) => written[stream].push(bytes.slice()),
    onEvent: (event) => {
      if (event.kind === "log") logs.push(event.line);
      during(event, () => machine);
    },
  });
  // A program that hangs is ended, and its status says so.
  const limit = setTimeout(() => void machine.stop(0), LONGEST_MS);
  const report = await machine.wait();
  clearTimeout(limit);
  const text = (parts: Uint8Array[]) => new TextDecoder().decode(joined(parts));
  const storage = report.domains.find((domain) => domain.name === "storage")!;
  return {
    status: report.programs[0].status,
    out: text(written.stdout),
    err: text(written.stderr) + logs.map((line) => `${line}\n`).join(""),
    restarts: storage.restarts,
  };
}

function joined(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
