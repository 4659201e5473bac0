// What would be published: accepted as it is, complete enough to boot from, and nothing besides.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dryRun, preparePackage, standIns } from "../../links/publish_check.ts";
import { withFolder } from "../fixtures/boot_harness.ts";

Deno.test("the package can be published, and what would be published boots", () =>
  withFolder(async (folder) => {
    const published = `${folder}/package`;
    Deno.mkdirSync(published);
    preparePackage(published);
    const { success, output, files, warnings } = await dryRun(published);
    assert(success, output);
    // A program is named by the manifest of whoever boots it: nobody can know it before. Modules of threads are
    // not to be read by commands that start none.
    assertEquals(
      warnings,
      ["hart/hart_worker", "remote_modules"].map((module) =>
        `warning[unanalyzable-dynamic-import]: unable to analyze dynamic import (runtime/boot/${module}.ts)`
      ),
    );
    for (const needed of ["README.md", "LICENSE", "schemas/system.schema.json"]) {
      assert(files.includes(needed), needed);
    }
    const unwanted = /_test\.ts$|^(tests|bench|links)\/|\/golden\/|\/faults\/|\.img$|^\./;
    assertEquals(files.filter((file) => unwanted.test(file)), []);
    keepOnly(published, new Set(files));
    await useFrom(published, `${folder}/elsewhere`);
  }));

/** Takes away what is in a folder and not among the files. */
function keepOnly(folder: string, files: Set<string>, under = ""): void {
  for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${under}`)) {
    const path = `${under}${name}`;
    if (isDirectory) keepOnly(folder, files, `${path}/`);
    else if (!files.has(path)) Deno.removeSync(`${folder}/${path}`);
  }
}

/** Boots and checks an example of the package, as somebody who got it by its name. */
async function useFrom(published: string, folder: string): Promise<void> {
  Deno.mkdirSync(folder);
  const example = `${published}/examples/quickstart.yaml`;
  const modules = {
    "deno.json": JSON.stringify({
      links: [published, ...standIns()],
      imports: { "@virtuos/toolkit": "jsr:@virtuos/toolkit@^0.1.0" },
      unstable: ["worker-options"],
    }),
    "boot.ts": `import { boot, compile, load } from "@virtuos/toolkit";
const { plan } = compile(await load("${example}"));
plan!.machine.devices[0].image = "${folder}/disk.img";
const machine = await boot(plan!);
console.log(JSON.stringify((await machine.wait()).programs.map((program) => program.status)));
`,
    "compose.ts": 'import "@virtuos/toolkit/compose";\n',
  };
  for (const [name, text] of Object.entries(modules)) {
    Deno.writeTextFileSync(`${folder}/${name}`, text);
  }
  const run = async (...args: string[]) => {
    const permissions = ["--allow-read", "--allow-write", "--allow-run", "--allow-ffi"];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", ...permissions, "--allow-env=LOG_STREAM,LOG_TOKENS", ...args],
      cwd: folder,
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  };
  assertEquals(await run("boot.ts"), "[0,0,0]\n");
  assertStringIncludes(await run("compose.ts", "compile", example), "primary-storage-files");
}
