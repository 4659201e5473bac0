// `--json` of every command that only reads: one JSON value on standard output, nothing else, and the
// same facts that the text has. (`up` is with the examples, in examples_test.ts.)
import { assertEquals, assertStringIncludes } from "@std/assert";
import { explanations } from "../../compose/mod.ts";
import { compile, load } from "../../mod.ts";

const root = new URL("../../", import.meta.url);
const example = "examples/multiserver.yaml";
const warned = "examples/quickstart_worker.yaml";
const broken = "compose/check/faults/E0305_mixed_isolation.yaml";

function run(...args: string[]): { code: number; value: unknown; err: string } {
  const { code, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-read", "--allow-env", "compose/cli/main.ts", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).outputSync();
  const decoder = new TextDecoder();
  return { code, value: JSON.parse(decoder.decode(stdout)), err: decoder.decode(stderr) };
}

Deno.test("check --json: no diagnostics, warnings, errors with their places", () => {
  assertEquals(run("check", "--json", example), { code: 0, value: { diagnostics: [] }, err: "" });
  const warning = run("check", "--json", warned);
  assertEquals([warning.code, warning.err], [0, ""]);
  const [first] = (warning.value as { diagnostics: Record<string, unknown>[] }).diagnostics;
  assertEquals([first.code, first.severity], ["W0501", "warning"]);
  const error = run("check", "--json", broken);
  assertEquals(error.code, 1);
  const { diagnostics } = error.value as {
    diagnostics: { code: string; severity: string; hint: string; span: { line: number } }[];
  };
  const mixed = diagnostics.find((one) => one.code === "E0305")!;
  assertEquals([mixed.severity, mixed.hint], [
    "error",
    'give domains "files" and "driver" the same isolation',
  ]);
  assertStringIncludes(JSON.stringify(mixed), '"line":10');
});

Deno.test("config --json: the flattened system, sizes in bytes", () => {
  const { code, value, err } = run("config", "--json", warned);
  const system = value as {
    name: string;
    machine: { memory: number };
    domains: Record<string, { isolation: string; ring: { depth: number } }>;
  };
  assertEquals([code, err], [0, ""]);
  assertEquals([system.name, system.machine.memory], ["quickstart-worker", 256 << 20]);
  assertEquals(system.domains.storage.isolation, "worker");
  assertEquals(system.domains.storage.ring.depth, 64);
});

Deno.test("compile --json: the plan, as the library compiles it", async () => {
  const { code, value, err } = run("compile", "--json", example);
  const { plan } = compile(await load(new URL(example, root)));
  assertEquals([code, err], [0, ""]);
  assertEquals(value, JSON.parse(JSON.stringify(plan)));
});

Deno.test("graph --json: the picture, and in which format it is", () => {
  for (const format of ["dot", "mermaid", "svg"]) {
    const { code, value } = run("graph", "--json", "--format", format, example);
    const graph = value as { format: string; picture: string };
    assertEquals([code, graph.format], [0, format]);
    for (const domain of ["files", "driver"]) assertStringIncludes(graph.picture, domain);
  }
});

Deno.test("explain --json: the code and its text", () => {
  assertEquals(run("explain", "--json", "e0305"), {
    code: 0,
    value: { code: "E0305", text: explanations.E0305 },
    err: "",
  });
});

Deno.test("config, compile and graph --json of a broken manifest: the diagnostics, and 1", () => {
  for (const command of ["config", "compile", "graph"]) {
    const { code, value, err } = run(command, "--json", broken);
    const { diagnostics } = value as { diagnostics: { code: string }[] };
    assertEquals([code, err, diagnostics.some((one) => one.code === "E0305")], [1, "", true]);
  }
});

Deno.test("compare --json: domains, what crosses, what dies with what", () => {
  const monolithic = "examples/quickstart_monolithic.yaml";
  const { code, value, err } = run("compare", "--json", monolithic, example);
  assertEquals([code, err], [0, ""]);
  const { systems } = value as {
    systems: {
      name: string;
      crossings: unknown[];
      crossingCalls: number;
      domains: { name: string; devices: string[]; codeLines: number; failure: unknown }[];
    }[];
  };
  assertEquals(systems.map(({ name }) => name), ["quickstart-monolithic", "multiserver"]);
  const [one, many] = systems;
  assertEquals([one.domains.length, one.crossings, one.crossingCalls], [1, [], 0]);
  assertEquals(one.domains[0].failure, { ends: "machine" });
  assertEquals(many.crossings, [
    { interface: "disk", client: "files", server: "driver" },
    { interface: "files", client: "primary", server: "files" },
  ]);
  const driver = many.domains.find(({ name }) => name === "driver")!;
  assertEquals(driver.devices, ["disk0"]);
  assertEquals(driver.failure, {
    ends: "domain",
    callers: ["primary", "files"],
    contract: "retry",
  });
  // What a driver has to trust is little of what a kernel in one piece has.
  assertEquals(driver.codeLines > 0 && driver.codeLines * 10 < one.domains[0].codeLines, true);
});
