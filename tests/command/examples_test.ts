// Every example, booted by the command as a user would, prints what lies beside it in examples/*.txt.
// Compared are the lines of each program, in its order, and the closing table without what depends on
// time: sizes, counts of calls, seconds, and which of several failures came first. `UPDATE=1` writes the files anew.
import { assert, assertEquals } from "@std/assert";
import type { ProgramReport } from "../../mod.ts";
import { checkImage, composeCommand, withFolder } from "../fixtures/boot_harness.ts";

const examples = new URL("../../examples/", import.meta.url);
const names = [...Deno.readDirSync(examples)].map((entry) => entry.name)
  .filter((name) => name.endsWith(".yaml")).map((name) => name.slice(0, -".yaml".length)).sort();
/** An archive of Debian packages that tests may reach; without one, what is made of packages is not booted. */
const mirror = Deno.env.get("VIRTUOS_TEST_MIRROR");
const base = (name: string) => name.endsWith("-base");
const packaged = (name: string) =>
  /debian-base|debian:/.test(Deno.readTextFileSync(new URL(`${name}.yaml`, examples)));

/** Where `compose` gets packages: "apt" is the mirror that the host's own configuration names. */
const packages: Record<string, string> = {};
if (mirror !== undefined && mirror !== "apt") packages.VIRTUOS_MIRROR = mirror;
const cache = Deno.env.get("VIRTUOS_CACHE");
if (cache !== undefined) packages.VIRTUOS_CACHE = cache;

/** Runs `compose up` on a copy of the examples, so that images are made there. */
async function up(folder: string, ...args: string[]): Promise<{ code: number; out: string }> {
  const { code, stdout, stderr } = await composeCommand(folder, ["up", ...args], packages).output();
  const decoder = new TextDecoder();
  if (stdout.length === 0) throw new Error(decoder.decode(stderr));
  return { code, out: decoder.decode(stdout) };
}

/** What the host asks of examples that stay until they are stopped, and what it is told. */
const asked: Record<string, { address: string; answer: string }> = {
  web: { address: "http://127.0.0.1:8080/", answer: "a page of the machine\n" },
};

/** Runs `compose up` until it is ready, asks it what the host asks, and stops it as Ctrl-C does. */
async function upAndAsk(folder: string, name: string): Promise<{ code: number; out: string }> {
  const child = composeCommand(folder, ["up", `${name}.yaml`], packages).spawn();
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const out = new Response(child.stdout).text();
  let told = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    told += text;
    if (!told.includes("ready in")) continue;
    const { address, answer } = asked[name];
    assertEquals(await (await fetch(address)).text(), answer);
    child.kill("SIGINT");
    break;
  }
  const { code } = await child.status;
  clearTimeout(limit);
  assert(told.includes("ready in"), told);
  return { code, out: await out };
}

const ENDED_BY_SIGTERM = 143;
/** An example that takes longer hangs, and would hold up all tests. */
const LIMIT_MS = 180_000;

async function withExamples(body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    for (const name of names) {
      Deno.copyFileSync(new URL(`${name}.yaml`, examples), `${folder}/${name}.yaml`);
    }
    // Programs import the library by where they are.
    Deno.symlinkSync(new URL("programs", examples).pathname, `${folder}/programs`);
    await body(folder);
  });
}

/** What of an example's output is the same each time. */
function settled(output: string): { programs: Record<string, string[]>; closing: string[] } {
  const lines = output.trimEnd().split("\n");
  const programs: Record<string, string[]> = {};
  for (const line of lines) {
    const [, name, text] = /^(\S+) \| (.*)$/.exec(line) ?? [];
    if (name !== undefined) (programs[name] ??= []).push(text);
  }
  const closing = lines.filter((line) => !line.includes(" | ")).map((line) =>
    line.replace(/\s+/g, " ").replace(/\d+\.\d+ s$/, "TIME").replace(
      / \d+ MiB \d+ \d+ \d+ (\d+ \d+)$/,
      " SIZE CALLS $1",
    ).replace(/^(\S+) \d+\.\d+ s (\d+ ms|-) (\d+ ms|-) .*$/, "$1 FAILED")
  );
  return { programs, closing };
}

/** Servers say when they began, and other things that differ: tests/servers has them. */
const servers = ["nginx", "redis", "apache", "mariadb"];

for (const name of names.filter((name) => !base(name) && !servers.includes(name))) {
  const ignore = packaged(name) && mirror === undefined;
  if (ignore) console.warn(`examples/${name}.yaml is not booted: VIRTUOS_TEST_MIRROR is not set`);
  Deno.test(
    { name: `examples/${name}.yaml prints what is beside it`, ignore },
    () =>
      withExamples(async (folder) => {
        const stays = name in asked;
        const { code, out } = await (stays ? upAndAsk(folder, name) : up(folder, `${name}.yaml`));
        const beside = new URL(`${name}.txt`, examples);
        if (Deno.env.get("UPDATE") === "1") Deno.writeTextFileSync(beside, out);
        assertEquals(settled(out), settled(Deno.readTextFileSync(beside)));
        assertEquals(code, stays ? ENDED_BY_SIGTERM : 0);
        for (const { name: file } of Deno.readDirSync(folder)) {
          if (file.endsWith(".img")) assertEquals(checkImage(`${folder}/${file}`), "");
        }
      }),
  );
}

Deno.test("compose up --json: the report alone is on standard output", () =>
  withExamples(async (folder) => {
    const { code, out } = await up(folder, "--json", "quickstart_monolithic.yaml");
    const report = JSON.parse(out);
    assertEquals(code, 0);
    assertEquals(
      report.programs.map(({ name, status }: ProgramReport) => `${name} ${status}`),
      ["hasher 0", "writer 0", "reader 0"],
    );
    for (const { seconds } of report.programs) assert(seconds > 0 && seconds <= report.seconds);
    assertEquals(report.domains.map((domain: { name: string }) => domain.name), ["primary"]);
  }));
