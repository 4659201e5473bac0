// Memory of the whole process tree while the quickstart runs, beside the limit we set ourselves.
import { type Row, row } from "./statistics.ts";

const LIMIT_MIB = 400;
export async function memory(folder: string, quick: boolean): Promise<Row[]> {
  const example = new URL("../examples/quickstart.yaml", import.meta.url).pathname;
  const manifest = `${folder}/memory.yaml`;
  const devices = `{ disk0: { image: ${folder}/memory.img } }`;
  await Deno.writeTextFile(
    manifest,
    `kind: System\nname: memory\nextends: ${example}\nmachine: { devices: ${devices} }\n`,
  );
  const pairs = [];
  for (let run = 0; run < (quick ? 1 : 3); run++) {
    const { code, stdout } = await new Deno.Command("sh", {
      args: [
        new URL("./tree_memory.sh", import.meta.url).pathname,
        Deno.execPath(),
        "task",
        "--quiet",
        "compose",
        "up",
        manifest,
      ],
      cwd: new URL("..", import.meta.url).pathname,
    }).output();
    if (code !== 0) throw new Error("The quickstart failed");
    const peak = Number(new TextDecoder().decode(stdout)) / 1024;
    pairs.push({ ours: peak, peer: LIMIT_MIB });
  }
  return [row("quickstart, whole process tree", "MiB", "limit", "<= 1", pairs)];
}
