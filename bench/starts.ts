// How long short programs take on a machine that runs already, and the first one of a machine.
import { boot, type Plan, type ProgramPlan, type RunningMachine } from "../mod.ts";
import { repeated, type Settings } from "./bench.ts";
import { median, type Row, row } from "./statistics.ts";

/** A program as both sides know it. */
export interface Short {
  path: string;
  args: string[];
}

const TRUE: Short = { path: "/bin/busybox", args: ["true"] };
const PYTHON: Short = {
  path: "/usr/bin/python3",
  args: ["-c", "import json; print(json.dumps(1))"],
};

/**
 * @param underQemu runs it under QEMU, and says the seconds
 * @param first runs it as the first program of a machine of its own, and says the seconds
 */
export async function* starts(
  settings: Settings,
  plan: Plan,
  underQemu: (program: Short) => number,
  first: (program: Short) => Promise<number>,
): AsyncGenerator<Row> {
  const { wants } = settings;
  const runs = settings.quick ? 5 : 11;
  const names = {
    further: "busybox true",
    first: "busybox true, a machine's first",
    second: "python3, a machine's second",
  };
  if (wants(names.first)) {
    const pairs = await repeated(settings, names.first, runs, async () => ({
      ours: 1 / await first(TRUE),
      peer: 1 / underQemu(TRUE),
    }));
    yield row(names.first, "runs/s", "QEMU", "", pairs);
  }
  if (!wants(names.further) && !wants(names.second)) return;
  const waiting: ProgramPlan = {
    ...plan.programs[0],
    path: "/bin/busybox",
    args: ["sleep", "600"],
  };
  const booted = Promise.withResolvers<void>();
  const machine = await boot({ ...plan, programs: [waiting] }, {
    onEvent: ({ kind }) => kind === "program-started" && booted.resolve(),
  });
  try {
    await booted.promise;
    const pairs = await repeated(settings, names.further, runs, async () => ({
      ours: 1 / await execute(machine, TRUE),
      peer: 1 / underQemu(TRUE),
    }));
    yield row(names.further, "runs/s", "QEMU", ">= 0.25", pairs);
    await execute(machine, PYTHON);
    const second = await execute(machine, PYTHON);
    const later = await repeated(settings, names.second, runs, () => execute(machine, PYTHON));
    const steady = { ours: second * 1000, peer: median(later) * 1000 };
    yield row(names.second, "ms", "its later runs", "<= 2", [steady]);
  } finally {
    await machine.stop(1000);
  }
}

/** Runs a program on a machine that runs. @returns seconds from asking for it to its end */
async function execute(machine: RunningMachine, { path, args }: Short): Promise<number> {
  const started = performance.now();
  const execution = { words: [path, ...args], env: {}, cwd: "/", uid: 0, gid: 0 };
  const { status, reason } = await machine.execute(execution, () => {}).ended;
  if (status !== 0) throw new Error(`${path} ended with ${status}: ${reason ?? ""}`);
  return (performance.now() - started) / 1000;
}
