// Memory of the whole process tree while the quickstart runs, beside the limit we set ourselves.
import { repeated, type Settings } from "./bench.ts";
import { type Row, row } from "./statistics.ts";

const LIMIT_MIB = 400;

/** MiB at the most. */
export async function* memory(settings: Settings): AsyncGenerator<Row> {
  const { folder, quick } = settings;
  const example = new URL("../examples/quickstart.yaml", import.meta.url).pathname;
  const manifest = `${folder}/memory.yaml`;
  const devices = `{ disk0: { image: ${folder}/memory.img } }`;
  await Deno.writeTextFile(
    manifest,
    `kind: System\nname: memory\nextends: ${example}\nmachine: { devices: ${devices} }\n`,
  );
  const name = "quickstart, whole process tree";
  if (!settings.wants(name)) return;
  const pairs = await repeated(settings, name, quick ? 1 : 3, async () => {
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
    return { ours: peak, peer: LIMIT_MIB };
  });
  yield row(name, "MiB", "limit", "<= 1", pairs);
}
