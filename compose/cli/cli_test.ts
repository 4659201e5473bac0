// The commands as a user meets them: output, exit codes, JSON.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { backgroundFlags } from "./system/detach.ts";

const root = new URL("../../", import.meta.url);

function run(...args: string[]): { code: number; out: string; err: string } {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-read", "--allow-env", "compose/cli/main.ts", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = command.outputSync();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

const fault = "compose/check/faults/E0210_no_primary.yaml";

Deno.test("check: 1 with diagnostics, as text or JSON", () => {
  const text = run("check", fault);
  assertEquals(text.code, 1);
  assertStringIncludes(text.err, "error[E0210]: no domain is primary");
  const json = run("check", "--json", fault);
  assertEquals(json.code, 1);
  const { diagnostics } = JSON.parse(json.out);
  assertEquals(
    diagnostics.some((one: { code: string; severity: string }) =>
      one.code === "E0210" && one.severity === "error"
    ),
    true,
  );
});

Deno.test("wrong use: 2, naming the file, command or option", () => {
  const missing = run("check", "nowhere.yaml");
  assertEquals([missing.code, missing.err], [
    2,
    "compose: cannot read nowhere.yaml: no such file\n",
  ]);
  const folder = run("check", "compose");
  assertEquals([folder.code, folder.err], [2, "compose: cannot read compose: it is a folder\n"]);
  assertEquals(run("compare", "--measure", "0", fault, fault).code, 2);
  assertEquals(run("chekc", fault).code, 2);
  assertEquals(run("explain", "E9999").code, 2);
});

Deno.test("check: an experiment in full and in little", () => {
  const file = Deno.makeTempFileSync({ suffix: ".yaml" });
  try {
    const { pathname } = new URL("examples/architectures/monolithic.yaml", root);
    Deno.writeTextFileSync(
      file,
      `kind: Experiment
name: small
systems: { one: { extends: ${pathname} } }
workloads:
  work:
    run: /bin/true
    figures: { rate: { pattern: "(?<rate>[0-9]+)", unit: 1/s, better: higher } }
quick: { workload: { work: null } }
`,
    );
    const { code, err } = run("check", file);
    assertEquals(code, 1);
    assertStringIncludes(err, `unknown field "workload" in the experiment`);
    assertStringIncludes(err, `${file}:8:10`);
    assertStringIncludes(err, `did you mean "workloads"?`);
    assertStringIncludes(err, `${file}: 1 error`);
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("help, explain and completions", () => {
  const help = run("--help");
  assertEquals(help.code, 0);
  assertStringIncludes(help.out, "Exit codes");
  assertStringIncludes(run("explain", "e0207").out, "E0207: A device belongs to one domain");
  assertStringIncludes(run("completions", "fish").out, "complete -c compose");
});

Deno.test("run and exec: a program that is not behind -- is shown where it belongs", () => {
  for (const command of ["run", "exec"]) {
    const none = run(command, "some");
    assertEquals([none.code, none.err], [
      2,
      `compose: Say which program to run: compose ${command} some -- PROGRAM\n`,
    ]);
    const before = run(command, "some", "ls", "/tmp");
    assertEquals([before.code, before.err], [
      2,
      `compose: Programs are said behind --: compose ${command} some -- ls /tmp\n`,
    ]);
  }
});

Deno.test("compare: two of one name are told apart by their files", () => {
  const files = ["examples/web.yaml", "examples/../examples/web.yaml"];
  const { code, out } = run("compare", ...files);
  assertEquals(code, 0);
  for (const file of files) {
    assertStringIncludes(out, `\n${file}\n`.slice(file === files[0] ? 1 : 0));
  }
});

Deno.test("help fits into 80 columns, of which a line says what a command is for", () => {
  const { out } = run("--help");
  const lines = out.split("\n");
  assertEquals(lines.filter((line) => line.length > 80), []);
  const listed = lines.slice(lines.indexOf("Commands:") + 1, lines.indexOf("Examples:") - 1);
  const names = listed.filter((line) => /^ {2}\w/.test(line)).map((line) =>
    line.trim().split(" ")[0]
  );
  assertEquals(names.includes("experiment"), true);
  for (const name of names.filter((name) => name !== "help" && name !== "completions")) {
    const text = run(name, "--help").out.split("\n");
    assertEquals(text.filter((line) => line.length > 80), [], name);
    assertEquals(/^[A-Z].*\.$/.test(text[2]), true, `${name}: ${text[2]}`);
  }
});

Deno.test("a process in the background may do what the task may, and no more", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root)));
  const allowed = (flags: string[]) =>
    flags.filter((flag) => /^--(allow|no|v8)-/.test(flag)).sort();
  assertEquals(allowed(backgroundFlags), allowed(tasks.compose.split(" ")));
});

Deno.test("config, compile and graph refuse what check refuses", () => {
  for (const command of ["config", "compile", "graph"]) {
    const result = run(command, fault);
    assertEquals(result.code, 1);
    assertStringIncludes(result.err, "E0210");
  }
});
