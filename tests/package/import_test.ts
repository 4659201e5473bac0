// The package as somebody else uses it: imported by its bare name from another folder, six lines.
import { assertEquals } from "@std/assert";
import { withFolder } from "../fixtures/boot_harness.ts";

const root = decodeURIComponent(new URL("../../", import.meta.url).pathname);

Deno.test("importing the package by its name and booting the quickstart", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/deno.json`,
      JSON.stringify({
        links: [root],
        imports: { "@virtuos/toolkit": "jsr:@virtuos/toolkit@^0.1.0" },
        unstable: ["worker-options"],
      }),
    );
    await Deno.writeTextFile(
      `${folder}/main.ts`,
      `import { boot, compile, load } from "@virtuos/toolkit";
const { plan } = compile(await load("${root}examples/quickstart.yaml"));
plan!.machine.devices[0].image = "${folder}/disk.img";
const machine = await boot(plan!);
console.log(JSON.stringify((await machine.wait()).programs.map((program) => program.status)));
`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--allow-read",
        "--allow-write",
        "--allow-run",
        "--allow-ffi",
        "--allow-env",
        "main.ts",
      ],
      cwd: folder,
    }).output();
    const decode = new TextDecoder();
    assertEquals(decode.decode(stdout).trim(), "[0,0,0]", decode.decode(stderr));
  }));
