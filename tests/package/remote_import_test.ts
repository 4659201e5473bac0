// The package as it comes from a registry: modules at addresses, none of them there yet when a machine is booted.
import { assertEquals } from "@std/assert";
import { withFolder } from "../fixtures/boot_harness.ts";

const root = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const STAND_INS = {
  "@std/yaml": "std_yaml/mod.ts",
  "@std/cli/parse-args": "std_cli/parse_args.ts",
};
const DEADLINE_MS = 60_000;

/** Serves the modules of the tree. */
function serveModules() {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    try {
      const text = await Deno.readTextFile(root + new URL(request.url).pathname);
      return new Response(text, { headers: { "content-type": "application/typescript" } });
    } catch {
      return new Response("there is no such module", { status: 404 });
    }
  });
}

/** A folder for Deno that has the packages of npm and nothing else. */
async function makeCache(folder: string): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  await Deno.mkdir(`${folder}/deno`);
  await Deno.symlink(npmCache, `${folder}/deno/npm`);
  return `${folder}/deno`;
}

Deno.test("threads start though none of their modules is there yet", () =>
  withFolder(async (folder) => {
    const server = serveModules();
    const base = `http://127.0.0.1:${server.addr.port}`;
    const { imports } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
    const packages = Object.entries<string>(imports).filter(([, place]) =>
      place.startsWith("npm:")
    );
    const standIns = Object.entries(STAND_INS).map(([name, at]) => [name, `${base}/links/${at}`]);
    await Deno.writeTextFile(
      `${folder}/deno.json`,
      JSON.stringify({
        imports: { ...Object.fromEntries(packages), ...Object.fromEntries(standIns) },
        unstable: ["worker-options"],
      }),
    );
    await Deno.copyFile(`${root}deno.lock`, `${folder}/deno.lock`);
    await Deno.writeTextFile(
      `${folder}/main.ts`,
      `import { boot, compile, load } from "${base}/mod.ts";
const { plan } = compile(await load("${root}examples/quickstart.yaml"));
plan!.machine.devices[0].image = "${folder}/disk.img";
const machine = await boot(plan!);
console.log(JSON.stringify((await machine.wait()).programs.map((program) => program.status)));
`,
    );
    try {
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--allow-all", "main.ts"],
        cwd: folder,
        env: { DENO_DIR: await makeCache(folder) },
        signal: AbortSignal.timeout(DEADLINE_MS),
      }).output();
      const decode = new TextDecoder();
      assertEquals(decode.decode(stdout).trim(), "[0,0,0]", decode.decode(stderr));
    } finally {
      await server.shutdown();
    }
  }));
