// Names of UNIX sockets in a file system that another domain serves.
import { assertEquals } from "@std/assert";
import { compile, load } from "../../mod.ts";
import { runMachine, withFolder } from "../fixtures/boot_harness.ts";
import { smallManifest } from "../fixtures/small_manifest.ts";

const manifest = (program: string) =>
  smallManifest({
    disk: "image: disk0.img, create: { format: ext4, size: 16MiB }",
    storage: "memory: 64MiB, recovery: { policy: restart, clients: retry }",
    programs: `  names: { run: "${program}" }`,
  });

Deno.test("who finds the file of a UNIX socket finds the socket", () =>
  withFolder(async (folder) => {
    const program = new URL("unix_names_program.ts", import.meta.url).href;
    await Deno.writeTextFile(`${folder}/names.yaml`, manifest(program));
    const { plan, diagnostics } = compile(await load(`${folder}/names.yaml`));
    assertEquals(diagnostics, []);
    const { report, output } = await runMachine(plan!);
    assertEquals(output.get("names"), "connected to 50\n");
    assertEquals(report.programs[0].status, 0);
  }));
