// 4 KiB cached reads by threads of a program: storage in a process of its own, beside the same kernel
// in one address space, and beside calls that trap into the same process.
import { runProgram } from "./booted_program.ts";
import { type Row, row } from "./statistics.ts";

async function rate(
  manifest: string,
  folder: string,
  threads: number,
  calls: number,
): Promise<number> {
  const args = [String(threads), String(calls)];
  return Number(await runProgram(manifest, `${folder}/pread.img`, "./pread_program.ts", args));
}

const MONOLITHIC = { manifest: "quickstart_monolithic.yaml", title: "isolation none" };
const TRAP = { manifest: "quickstart_trap.yaml", title: "calls that trap" };

export async function pread(folder: string, quick: boolean): Promise<Row[]> {
  const cases: [number, typeof TRAP, string][] = [
    [1, MONOLITHIC, ">= 0.5"],
    [16, MONOLITHIC, ">= 1.0"],
    [1, TRAP, "> 1"],
    [16, TRAP, "> 2"],
  ];
  const rows: Row[] = [];
  const runs = quick ? 3 : 7;
  for (const [threads, peer, goal] of cases) {
    const pairs = [];
    for (let run = 0; run < runs; run++) {
      pairs.push({
        ours: await rate("quickstart.yaml", folder, threads, 160_000),
        peer: await rate(peer.manifest, folder, threads, 160_000),
      });
    }
    const title = `pread 4 KiB, ${threads} thread${threads > 1 ? "s" : ""}`;
    rows.push(row(title, "1/s", peer.title, goal, pairs));
  }
  return rows;
}
