// How long short programs take on a machine that runs already, and the first one of a machine.
import { boot, type Plan, type ProgramPlan, type RunningMachine } from "../mod.ts";
import { median, type Pair, type Row, row } from "./statistics.ts";

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
export async function starts(
  plan: Plan,
  quick: boolean,
  underQemu: (program: Short) => number,
  first: (program: Short) => Promise<number>,
): Promise<Row[]> {
  const runs = quick ? 5 : 11;
  const firsts: Pair[] = [];
  for (let run = 0; run < runs; run++) {
    firsts.push({ ours: 1 / await first(TRUE), peer: 1 / underQemu(TRUE) });
  }
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
    const further: Pair[] = [];
    for (let run = 0; run < runs; run++) {
      further.push({ ours: 1 / await execute(machine, TRUE), peer: 1 / underQemu(TRUE) });
    }
    await execute(machine, PYTHON);
    const second = await execute(machine, PYTHON), later: number[] = [];
    for (let run = 0; run < runs; run++) later.push(await execute(machine, PYTHON));
    const steady = { ours: second * 1000, peer: median(later) * 1000 };
    return [
      row("busybox true", "runs/s", "QEMU", ">= 0.25", further),
      row("busybox true, a machine's first", "runs/s", "QEMU", "", firsts),
      row("python3, a machine's second", "ms", "its later runs", "<= 2", [steady]),
    ];
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
