// 4 KiB cached reads by threads of a program: storage in a process of its own, beside the same kernel in one
// address space. Then the same with reads that all cross, as first reads do, beside calls that trap, too.
import type { Plan } from "../mod.ts";
import { repeated, type Settings } from "./bench.ts";
import { runProgram } from "./booted_program.ts";
import { type Row, row } from "./statistics.ts";

const CALLS = 160_000;
const MONOLITHIC = { manifest: "quickstart_monolithic.yaml", title: "isolation none" };
const TRAP = { manifest: "quickstart_trap.yaml", title: "calls that trap" };

function readsCross(plan: Plan): void {
  for (const ring of plan.rings) delete ring.clientCache;
}

/** Reads a second. */
export async function* pread(settings: Settings): AsyncGenerator<Row> {
  const { folder, quick, wants } = settings;
  const rate = async (manifest: string, threads: number, change?: (plan: Plan) => void) => {
    const args = [String(threads), String(CALLS)];
    const image = `${folder}/pread.img`;
    return Number(await runProgram(manifest, image, "./pread_program.ts", args, change));
  };
  const cases: [title: string, number, typeof TRAP, goal: string, typeof readsCross | undefined][] =
    [
      ["", 1, MONOLITHIC, ">= 0.9", undefined],
      ["", 16, MONOLITHIC, ">= 0.9", undefined],
      [" that cross", 1, MONOLITHIC, "", readsCross],
      [" that cross", 16, MONOLITHIC, "", readsCross],
      [" that cross", 1, TRAP, "> 1", readsCross],
      [" that cross", 16, TRAP, "> 2", readsCross],
    ];
  for (const [which, threads, peer, goal, change] of cases) {
    const title = `preads of 4 KiB${which}, ${threads} thread${threads > 1 ? "s" : ""}`;
    if (!wants(title)) continue;
    const pairs = await repeated(settings, `${title}, ${peer.title}`, quick ? 3 : 7, async () => ({
      ours: await rate("quickstart.yaml", threads, change),
      peer: await rate(peer.manifest, threads),
    }));
    yield row(title, "1/s", peer.title, goal, pairs);
  }
}
