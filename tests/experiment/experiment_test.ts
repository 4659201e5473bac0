// `compose experiment` as a user runs it: results that stay when it is stopped, that are not mixed with others,
// and failures that are told.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { composeCommand, withFolder } from "../fixtures/boot_harness.ts";

const examples = new URL("../../examples/", import.meta.url).pathname;

/** Two systems, a workload that prints what it is told, and one that fails on one of them. */
const manifest = (repetitions: number) => `
kind: Experiment
name: small
systems:
  one: { extends: ${examples}architectures/monolithic.yaml }
  two: { extends: ${examples}architectures/vertical.yaml }
parameters:
  calls: { values: [100] }
  depth: { values: [64, 65], set: [domains.storage.ring.depth] }
baseline: { system: one }
workloads:
  calls:
    run: programs/null_call.ts
    args: [storage, "2", "\${calls}"]
    figures:
      rate: { pattern: "(?<rate>[0-9.]+) a second", unit: 1/s, better: higher }
      nothing: { report: programs.status, unit: errors, better: lower }
repetitions: ${repetitions}
counters: [calls, spoons]
`;

const LIMIT_MS = 90_000;

async function run(folder: string, ...args: string[]) {
  const child = composeCommand(folder, ["experiment", "it.yaml", "--out", "out", ...args]).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

interface Line {
  digest?: string;
  case: string;
  figures: Record<string, number>;
  counters: Record<string, Record<string, number>>;
}
const lines = (folder: string): Line[] =>
  Deno.readTextFileSync(`${folder}/out/results.jsonl`).trimEnd().split("\n")
    .map((line) => JSON.parse(line));

Deno.test("an experiment runs, is resumed, and refuses another's results", () =>
  withFolder(async (folder) => {
    // An absolute path would be one of the machine.
    Deno.symlinkSync(`${examples}programs`, `${folder}/programs`);
    Deno.writeTextFileSync(`${folder}/it.yaml`, manifest(2));
    const first = await run(folder);
    assertEquals(first.code, 0, first.err);
    assertStringIncludes(first.out, "two     rate");
    assertStringIncludes(first.err, "2 combinations, 2 left out");
    const [header, ...runs] = lines(folder);
    assertEquals(header.digest?.length, 32);
    assertEquals(runs.map((run) => run.case).sort(), [
      "one calls calls=100 depth=64",
      "one calls calls=100 depth=64",
      "two calls calls=100 depth=64",
      "two calls calls=100 depth=64",
    ]);
    const two = runs.find((run) => run.case.startsWith("two"))!;
    assert(two.figures.rate > 0 && two.figures.nothing === 0);
    // The warm-up is a fifth, and a file had to be made.
    assert(two.counters.storage.calls >= 120, JSON.stringify(two.counters));
    for (const name of ["report.html", "results.csv", "plots/calls-rate.svg"]) {
      assert(Deno.statSync(`${folder}/out/${name}`).size > 100, name);
    }
    assertStringIncludes(Deno.readTextFileSync(`${folder}/out/report.html`), "Counter spoons");

    // As if it had been stopped in the middle of the last line.
    const text = Deno.readTextFileSync(`${folder}/out/results.jsonl`);
    Deno.writeTextFileSync(`${folder}/out/results.jsonl`, text.slice(0, -20));
    const second = await run(folder);
    assertEquals(second.code, 0, second.err);
    assertStringIncludes(second.err, "3 runs are there already");
    const again = lines(folder).slice(1);
    assertEquals(again.slice(0, 3), runs.slice(0, 3));
    assertEquals([again.length, again[3].case], [4, runs[3].case]);

    Deno.writeTextFileSync(`${folder}/it.yaml`, manifest(3));
    const other = await run(folder);
    assertEquals([other.code, lines(folder).length], [1, 5]);
    assertStringIncludes(other.err, "another form of it");
  }));

Deno.test("runs that fail and hang are told, and are the experiment's failure", () =>
  withFolder(async (folder) => {
    Deno.writeTextFileSync(
      `${folder}/fails.ts`,
      `export default async function main(sys) {
        await sys.printError("no spoons");
        return 3;
      }`,
    );
    Deno.writeTextFileSync(
      `${folder}/hangs.ts`,
      "export default async function main(sys) { await sys.sleep(600_000); }",
    );
    const figures = "figures: { it: { pattern: '(?<it>x)', unit: s, better: lower } }";
    Deno.writeTextFileSync(
      `${folder}/it.yaml`,
      `
kind: Experiment
name: broken
systems: { one: { extends: ${examples}architectures/vertical.yaml } }
workloads:
  fails: { run: fails.ts, ${figures} }
  hangs: { run: hangs.ts, timeout: 3s, ${figures} }
repetitions: 1
`,
    );
    const { code, out, err } = await run(folder, "--json");
    assertEquals(code, 1, err);
    const { failures } = JSON.parse(out);
    const told = failures.map((run: { case: string; failure: string; output?: string }) =>
      `${run.case}: ${run.failure}${run.output ? `: ${run.output}` : ""}`
    );
    assertEquals(told.sort(), [
      "one fails: the program ended with 3: no spoons",
      "one hangs: not done after 3 s",
    ]);
  }));

Deno.test("what the host runs is measured beside a program of the machine, and its failures are told", () =>
  withFolder(async (folder) => {
    Deno.writeTextFileSync(
      `${folder}/waits.ts`,
      "export default async function main(sys) { await sys.print('it waits'); await sys.sleep(600_000); }",
    );
    // Nobody else sleeps for so long.
    const endless = 100_000 + Deno.pid + 0.5;
    const host = "on: host, beside: [waits]";
    const figures = "figures: { it: { pattern: '(?<it>[0-9]+) times', unit: 1, better: lower } }";
    Deno.writeTextFileSync(
      `${folder}/it.yaml`,
      `
kind: Experiment
name: outside
systems:
  one:
    extends: ${examples}architectures/monolithic.yaml
    overrides: { programs: { waits: { run: waits.ts } } }
parameters: { times: { values: [2, 3] } }
workloads:
  works: { ${host}, run: sh, args: [-c, 'echo "$N times"'], env: { N: "\${times}" }, ${figures} }
  fails: { ${host}, run: sh, args: [-c, 'echo no spoons >&2; exit 3'], ${figures} }
  missing: { ${host}, run: no-such-program, ${figures} }
  hangs: { ${host}, run: sleep, args: ["${endless}"], timeout: 6s, ${figures} }
repetitions: 1
`,
    );
    const { code, out, err } = await run(folder, "--json");
    assertEquals(code, 1, err);
    const told = JSON.parse(out).failures.map((run: { case: string; failure: string }) =>
      `${run.case}: ${run.failure}`
    );
    assertEquals(told.sort(), [
      "one fails: the program ended with 3",
      "one hangs: not done after 6 s",
      'one missing: there is no program "no-such-program" on this host',
    ]);
    const alive = new Deno.Command("pgrep", { args: ["-f", `^sleep ${endless}$`] }).outputSync();
    assertEquals(new TextDecoder().decode(alive.stdout), "");
    const [, ...runs] = lines(folder);
    const figureOf = (id: string) => runs.find((run) => run.case === id)!.figures.it;
    assertEquals([figureOf("one works times=2"), figureOf("one works times=3")], [2, 3]);
  }));
