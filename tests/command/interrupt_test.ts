// Ctrl-C on a terminal: every process before it gets SIGINT, those of the domains too.
import { assert, assertEquals } from "@std/assert";
import { checkImage, composeCommand, withFolder } from "../fixtures/boot_harness.ts";

const examples = new URL("../../examples/", import.meta.url);

function childrenOf(pid: number): number[] {
  const args = ["-c", `cat /proc/${pid}/task/*/children`];
  const { stdout } = new Deno.Command("sh", { args }).outputSync();
  return new TextDecoder().decode(stdout).split(" ").filter(Boolean).map(Number);
}

Deno.test("Ctrl-C ends programs, and no domain fails of it", () =>
  withFolder(async (folder) => {
    Deno.copyFileSync(new URL("quickstart.yaml", examples), `${folder}/quickstart.yaml`);
    Deno.symlinkSync(new URL("programs", examples).pathname, `${folder}/programs`);
    const child = composeCommand(folder, ["up", "--json", "quickstart.yaml"]).spawn();
    const out = new Response(child.stdout).text();
    let told = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      told += text;
      if (told.includes("records are durable")) break;
    }
    const domains = childrenOf(child.pid);
    assert(domains.length > 0, told);
    for (const pid of [...domains, child.pid]) Deno.kill(pid, "SIGINT");
    await child.status;
    const report = JSON.parse(await out);
    assertEquals(report.recoveries, []);
    assertEquals(checkImage(`${folder}/quickstart.img`), "");
  }));
