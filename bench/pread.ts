// 4 KiB cached reads by threads of a program: storage in a process of its own, beside the same kernel
// in one address space.
import { boot, compile, load } from "../mod.ts";
import { type Row, row } from "./statistics.ts";

async function rate(
  manifest: string,
  folder: string,
  threads: number,
  calls: number,
): Promise<number> {
  const { plan } = compile(await load(new URL(`../examples/${manifest}`, import.meta.url)));
  if (plan === undefined) throw new Error(`Cannot compile ${manifest}`);
  for (const device of plan.machine.devices) if (device.image) device.image = `${folder}/pread.img`;
  const module = decodeURIComponent(new URL("./pread_program.ts", import.meta.url).pathname);
  plan.programs = [{
    ...plan.programs[0],
    name: "pread",
    module,
    args: [String(threads), String(calls)],
    console: 0,
  }];
  let text = "";
  const machine = await boot(plan, {
    onOutput: (_name, bytes) => text += new TextDecoder().decode(bytes),
  });
  const { programs } = await machine.wait();
  if (programs[0].status !== 0) throw new Error(`The program failed: ${text}`);
  return Number(text);
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
