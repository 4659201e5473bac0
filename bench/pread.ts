// 4 KiB cached reads by threads of a program: storage in a process of its own, beside the same kernel
// in one address space.
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

export async function pread(folder: string, quick: boolean): Promise<Row[]> {
  const rows: Row[] = [];
  const runs = quick ? 3 : 7;
  for (const [threads, goal] of [[1, ">= 0.5"], [16, ">= 1.0"]] as [number, string][]) {
    const pairs = [];
    for (let run = 0; run < runs; run++) {
      pairs.push({
        ours: await rate("quickstart.yaml", folder, threads, 160_000),
        peer: await rate("quickstart_monolithic.yaml", folder, threads, 160_000),
      });
    }
    rows.push(
      row(
        `pread 4 KiB, ${threads} thread${threads > 1 ? "s" : ""}`,
        "1/s",
        "isolation none",
        goal,
        pairs,
      ),
    );
  }
  return rows;
}
