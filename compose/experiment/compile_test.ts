// From a manifest to cases: combinations, those that are pruned, those that are one machine, baselines.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import Ajv2020 from "ajv/dist/2020.js";
import { parse } from "@std/yaml";
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { experimentPageText } from "../../schemas/experiment_page.ts";
import { experimentSchemaText, systemSchemaText } from "../../schemas/json_schema.ts";
import { render } from "../diagnostic/render.ts";
import { calls, disk } from "../disk.ts";
import { compileExperiment } from "./compile.ts";
import { loadExperiment } from "./load.ts";

const root = new URL("../../", import.meta.url);
const folder = new URL("compose/check/faults/", root).pathname;

/** Compiles an experiment that lies beside the system of the faulty ones. */
async function compileText(text: string, quick = false) {
  const reader = {
    read: (path: string) => path.endsWith("/it.yaml") ? Promise.resolve(text) : disk.read(path),
    exists: (path: string) => Promise.resolve(/present\.(ts|img)$/.test(path)),
  };
  const loaded = await loadExperiment(`${folder}it.yaml`, reader, quick);
  return await compileExperiment(loaded, reader, calls);
}

async function planOf(text: string, quick = false): Promise<ExperimentPlan> {
  const { plan, diagnostics } = await compileText(text, quick);
  assert(plan !== undefined, diagnostics.map((each) => render(each)).join("\n"));
  return plan;
}

const experiment = `
kind: Experiment
name: it
systems:
  apart: { extends: experiment_system.yaml }
  together:
    extends: experiment_system.yaml
    overrides: { domains: { storage: { isolation: none, recovery: null } } }
parameters:
  depth: { values: [4, 5, 64], set: [domains.storage.ring.depth] }
  size: { values: [1, 2] }
constraints:
  - { when: { system: [together], size: ["2"] }, because: two is too much }
baseline: { system: together }
workloads:
  sized:
    run: present.ts
    args: ["\${size}", $HOME]
    figures: &rate
      rate: { pattern: "(?<rate>[0-9.]+) a second", unit: 1/s, better: higher }
  plain:
    run: present.ts
    figures: *rate
quick:
  parameters: { depth: { values: [4] } }
  repetitions: 1
`;

Deno.test("every combination is a case, pruned, or the same as another", async () => {
  const { cases, pruned, merged } = await planOf(experiment);
  // Of a ring that the system does not have, the depth makes no difference.
  assertEquals(cases.map(({ id }) => id), [
    "apart sized depth=4 size=1",
    "together sized depth=4 size=1",
    "apart sized depth=4 size=2",
    "apart sized depth=64 size=1",
    "apart sized depth=64 size=2",
    "apart plain depth=4",
    "together plain depth=4",
    "apart plain depth=64",
  ]);
  assertEquals(merged.map(({ into, parameters }) => [into, parameters.depth]), [
    ["together sized depth=4 size=1", "64"],
    ["together plain depth=4", "64"],
  ]);
  const reasons = pruned.map(({ code, reason, parameters: { depth, size } }) =>
    `${depth} ${size}: ${code} ${reason}`
  );
  assertEquals(reasons, [
    "4 2: constraint two is too much",
    "5 1: E0110 domains.storage.ring.depth must be a power of two",
    "5 1: E0110 domains.storage.ring.depth must be a power of two",
    "5 2: E0110 domains.storage.ring.depth must be a power of two",
    "5 2: constraint two is too much",
    "64 2: constraint two is too much",
    "5 undefined: E0110 domains.storage.ring.depth must be a power of two",
    "5 undefined: E0110 domains.storage.ring.depth must be a power of two",
  ]);
  assert(pruned[1].place.endsWith("/it.yaml:10:24"), pruned[1].place);
});

Deno.test("a value that its field never takes is a mistake, whatever else there is to run", async () => {
  const { diagnostics } = await compileText(experiment.replace("[4, 5, 64]", "[4, many, 64]"));
  assertEquals(diagnostics.map(({ code, message }) => `${code} ${message}`), [
    'E0104 domains.storage.ring.depth must be a whole number, not "many"',
  ]);
});

Deno.test("flags are varied as numbers are", async () => {
  const text = experiment.replace(
    "[4, 5, 64], set: [domains.storage.ring.depth]",
    "[true, false], set: [domains.storage.ring.clientCache]",
  )
    .replace("depth: { values: [4] }", "depth: { values: [true] }");
  const { cases } = await planOf(text);
  const apart = cases.filter(({ system, workload }) => system === "apart" && workload === "plain");
  assertEquals(apart.map(({ id, machine }) => [id, machine.rings[0].clientCache === true]), [
    ["apart plain depth=true", true],
    ["apart plain depth=false", false],
  ]);
});

Deno.test("an experiment is warned of what it says itself, and not of its systems", async () => {
  const text = experiment.replace(
    "  plain:\n    run: present.ts",
    "  plain:\n    run: /home/me/present.ts",
  );
  const { plan, diagnostics } = await compileText(text);
  assert(plan !== undefined);
  assertEquals(diagnostics.map(({ code, span }) => [code, span.line]), [["W0802", 22]]);
});

Deno.test("each case has its baseline, also one that stands for it", async () => {
  const { cases } = await planOf(experiment);
  const baselines = Object.fromEntries(cases.map(({ id, baseline }) => [id, baseline]));
  assertEquals(baselines["apart sized depth=64 size=1"], "together sized depth=4 size=1");
  assertEquals(baselines["together sized depth=4 size=1"], undefined);
  assertEquals(baselines["apart sized depth=4 size=2"], undefined);
});

Deno.test("a machine has the workload's program alone, with its parameters", async () => {
  const { cases } = await planOf(experiment);
  const { machine } = cases.find(({ id }) => id === "apart sized depth=64 size=2")!;
  assertEquals(machine.programs.map(({ name, args }) => [name, ...args]), [[
    "sized",
    "2",
    "$HOME",
  ]]);
  assertEquals(machine.programs[0].module, `${folder}present.ts`);
  assertEquals(machine.rings[0].depth, 64);
});

Deno.test("what the host runs is no program of the machine, and its parameters tell cases apart", async () => {
  const text = experiment.replace(
    "    run: present.ts\n    args",
    "    on: host\n    run: ab\n    beside: [other]\n    args",
  );
  const { cases } = await planOf(text);
  const { machine, command } = cases.find(({ id }) => id === "apart sized depth=64 size=2")!;
  assertEquals(machine.programs.map(({ name }) => name), ["other"]);
  assertEquals(command, { run: "ab", args: ["2", "$HOME"], env: {} });
  assertEquals(cases.find(({ workload }) => workload === "plain")!.command, undefined);
});

Deno.test("what the host runs has somebody in the machine to talk to, and no place there", async () => {
  const text = experiment.replace(
    "    run: present.ts\n    args",
    "    on: host\n    run: ab\n    uid: 1\n    args",
  );
  const { diagnostics } = await compileText(text);
  assertEquals(diagnostics.map(({ code }) => code), ["E1110", "E1110"]);
});

Deno.test("quick replaces lists", async () => {
  const { cases, repetitions, quick } = await planOf(experiment, true);
  assertEquals([cases.length, repetitions, quick], [5, 1, true]);
});

Deno.test("a field that systems do not have is an error, told once where it is named", async () => {
  const text = experiment.replace("[domains.storage.ring.depth]", "[domains.storage.rign.depth]");
  const diagnostics = (await compileText(text)).diagnostics.map((each) => render(each));
  assertEquals(diagnostics.length, 1);
  assertStringIncludes(diagnostics[0], 'E0103]: unknown field "rign"');
  assertStringIncludes(diagnostics[0], "it.yaml:10:38");
});

Deno.test("a manifest of the other kind is told as that, and nothing else about it", async () => {
  const of = async (file: string) => {
    const { diagnostics } = await compileExperiment(await loadExperiment(file, disk), disk, calls);
    return diagnostics.map(({ message, hint }) => `${message}: ${hint}`);
  };
  assertEquals(await of(`${folder}experiment_system.yaml`), [
    "this is of kind System: `compose up` boots systems",
  ]);
  const experimental = experiment.replaceAll("experiment_system", "E1106_unknown_parameter");
  const { diagnostics } = await compileText(experimental);
  assertEquals(diagnostics.map(({ message }) => message), ["this is of kind Experiment"]);
});

Deno.test("a constraint may leave certain values", async () => {
  const text = experiment.replace(
    "constraints:",
    'constraints:\n  - { when: { size: ["1"] }, only: { depth: ["64"], system: [apart] } }',
  );
  const { cases } = await planOf(text);
  assertEquals(cases.filter(({ workload }) => workload === "sized").map(({ id }) => id), [
    "apart sized depth=4 size=2",
    "apart sized depth=64 size=1",
    "apart sized depth=64 size=2",
  ]);
});

Deno.test("programs beside a workload run before it", async () => {
  const beside = experiment.replace("  plain:\n", "  plain:\n    beside: [other]\n");
  const { cases } = await planOf(beside);
  const programs = cases.find(({ workload }) => workload === "plain")!.machine.programs;
  assertEquals(programs.map(({ name, dependsOn }) => [name, dependsOn]), [
    ["other", undefined],
    ["plain", [{ program: "other", until: "started" }]],
  ]);
});

Deno.test("the JSON Schema is that of the shape, and knows the examples", async () => {
  const file = new URL("schemas/experiment.schema.json", root);
  assertEquals(Deno.readTextFileSync(file), experimentSchemaText(), "run `deno task schemas`");
  const ajv = new Ajv2020.default({ allowUnionTypes: true });
  ajv.addSchema(JSON.parse(systemSchemaText()), "system.schema.json");
  const validate = ajv.compile(JSON.parse(experimentSchemaText()));
  const examples = new URL("examples/experiments/", root);
  for await (const { name } of Deno.readDir(examples)) {
    if (!name.endsWith(".yaml")) continue;
    assert(
      validate(parse(await Deno.readTextFile(new URL(name, examples)))),
      `${name}: ${ajv.errorsText(validate.errors)}`,
    );
  }
  assert(!validate({ systems: { one: { overrides: { domain: {} } } } }));
});

Deno.test("the page of the fields is that of the shape", () => {
  const file = new URL("docs/experiment_manifest.md", root);
  assertEquals(Deno.readTextFileSync(file), experimentPageText(), "run `deno task schemas`");
});

Deno.test("the experiments of the examples are sound", async () => {
  for await (const { name } of Deno.readDir(new URL("examples/experiments/", root))) {
    if (!name.endsWith(".yaml")) continue;
    for (const quick of [false, true]) {
      const path = new URL(`examples/experiments/${name}`, root).pathname;
      const { plan, diagnostics } = await compileExperiment(
        await loadExperiment(path, disk, quick),
        disk,
        calls,
      );
      assert(plan !== undefined, diagnostics.map((each) => render(each)).join("\n"));
    }
  }
});
