// Debian's programs on the machine, and the same files under `qemu-riscv64-static` on the host, in turns:
// whole programs, from their start to their end.
import { boot, compile, load, type Plan } from "../mod.ts";
import { repeated, type Settings } from "./bench.ts";
import { rootTree } from "./root_tree.ts";
import { type Short, starts } from "./starts.ts";
import { type Pair, type Row, row } from "./statistics.ts";

const QEMU = "qemu-riscv64-static";
const INPUT_BYTES = 32 << 20;
const MODULES = 300;

interface Workload extends Short {
  name: string;
  /** for the ratio of speeds */
  goal: string;
}

const LUA = `
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
io.write(fib(30), "\\n")
local x, y, vx, vy = 1.0, 0.0, 0.0, 1.0
for _ = 1, 3000000 do
  local r = (x * x + y * y) ^ 1.5
  vx, vy = vx - x / r * 1e-3, vy - y / r * 1e-3
  x, y = x + vx * 1e-3, y + vy * 1e-3
end
io.write(string.format("%.9f %.9f\\n", x, y))
local parts = {}
for i = 1, 300000 do parts[i] = tostring(i) .. "," end
io.write(#table.concat(parts), "\\n")
`;

const PYTHON = `
import json, random, re
random.seed(1)
rows = [{"n": i, "x": random.random(), "s": "item %d" % i} for i in range(30000)]
text = json.dumps(rows)
again = json.loads(text)
again.sort(key=lambda row: row["x"])
words = re.findall(r"item (\\d+)", text)
print(len(text), len(words), sum(map(int, words)), again[0]["n"])
`;

const SQL = `
create table t(a integer primary key, b integer, c text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
  insert into t select i, i * 7919 % 100003, 'row ' || i from n;
create index tb on t(b);
select count(*), sum(a * b), max(c) from t where b between 1000 and 90000;
select count(*) from t x join t y on x.a = y.b;
`;

function workloads(quick: boolean): Workload[] {
  const goal = ">= 0.8";
  const all: Workload[] = [
    { name: "gzip 32 MiB", path: "/bin/busybox", args: ["gzip", "-c", "/input"], goal },
    { name: "sha256sum 32 MiB", path: "/bin/busybox", args: ["sha256sum", "/input"], goal },
    { name: "sqlite3 100,000 rows", path: "/usr/bin/sqlite3", args: [":memory:", SQL], goal },
    { name: "lua fib, bodies, strings", path: "/usr/bin/lua5.4", args: ["-e", LUA], goal },
    { name: "python json, sort, regex", path: "/usr/bin/python3", args: ["-c", PYTHON], goal },
    {
      name: "esbuild 300 modules",
      path: "/usr/bin/esbuild",
      args: ["/project/module0.js", "--bundle", "--minify", "--log-level=error"],
      goal,
    },
  ];
  return quick ? all.slice(0, 4) : all;
}

/** Half of it repeats, half of it does not: a compressor has both to do. */
function makeInput(path: string): void {
  const file = Deno.openSync(path, { write: true, create: true });
  const block = new Uint8Array(65536);
  let state = 1;
  for (let done = 0; done < INPUT_BYTES; done += block.length) {
    for (let at = 0; at < block.length; at++) {
      state = Math.imul(state, 1103515245) + 12345 | 0;
      block[at] = done / block.length % 2 === 0 ? state >>> 16 : 97 + (at % 61) % 26;
    }
    file.writeSync(block);
  }
  file.close();
}

/** A project for a bundler: modules that import two others each. @returns paths of the machine to files */
function makeProject(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (let module = 0; module < MODULES; module++) {
    const others = [2 * module + 1, 2 * module + 2].filter((other) => other < MODULES);
    const lines = others.map((other) =>
      `import { run as run${other} } from "./module${other}.js";`
    );
    for (let part = 0; part < 30; part++) {
      lines.push(
        `class Part${part} { constructor(size = ${part}) { this.size = size; this.all = []; }`,
        `  *each(limit) { for (let i = 0; i < limit && i < this.size; i++) yield [i, this.all[i] ?? i * ${module}]; } }`,
      );
    }
    const calls = others.map((other) => ` + run${other}(depth + 1)`).join("");
    lines.push(
      `export const run = (depth) => [...new Part${module % 30}().each(depth)].length${calls};`,
    );
    if (module === 0) lines.push("console.log(run(0));");
    const path = `${folder}/module${module}.js`;
    Deno.writeTextFileSync(path, lines.join("\n"));
    files[`/project/module${module}.js`] = path;
  }
  return files;
}

async function makePlan(folder: string): Promise<Plan> {
  const base = decodeURIComponent(
    new URL("../examples/debian-base.yaml", import.meta.url).pathname,
  );
  const input = `${folder}/input`;
  makeInput(input);
  const manifest = `kind: System
name: bench
extends: ${base}
machine:
  memory: 1GiB
  devices:
    disk0:
      rootfs:
        debian: { packages: [sqlite3, lua5.4, python3, esbuild] }
        prepare: [python3 -m compileall -q /usr/lib/python3.13]
        files: ${JSON.stringify({ "/input": input, ...makeProject(folder) })}
programs:
  bench: { run: /bin/busybox }
`;
  Deno.writeTextFileSync(`${folder}/bench.yaml`, manifest);
  const { plan, diagnostics } = compile(await load(`${folder}/bench.yaml`));
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return plan;
}

/** Runs a program on a machine of its own. @returns seconds from its start to its end, and its output */
async function onMachine(
  plan: Plan,
  { path, args }: Short,
): Promise<{ seconds: number; output: string }> {
  const program = { ...plan.programs[0], path, argv0: path, args };
  let started = 0, ended = 0, output = "";
  const decoder = new TextDecoder("latin1");
  const machine = await boot({ ...plan, programs: [program] }, {
    onOutput: (_name, bytes) => output += decoder.decode(bytes),
    onEvent: (event) => {
      if (event.kind === "program-started") started = performance.now();
      if (event.kind === "program-ended") ended = performance.now();
    },
  });
  const { programs: [{ status }] } = await machine.wait();
  if (status !== 0) throw new Error(`${path} ended with ${status}: ${output.slice(-500)}`);
  return { seconds: (ended - started) / 1000, output };
}

/** Runs the same file under QEMU, in the root file system's tree on the host. */
function underQemu(root: string, { path, args }: Short): { seconds: number; output: string } {
  const at = args.map((argument) =>
    /^\/(input|project)/.test(argument) ? `${root}${argument}` : argument
  );
  const file = Deno.realPathSync(`${root}${path}`);
  const started = performance.now();
  const { code, stdout, stderr } = new Deno.Command(QEMU, {
    args: ["-L", root, "-0", path, file, ...at],
    clearEnv: true,
    env: { LANG: "C.UTF-8", PYTHONHOME: `${root}/usr` },
  }).outputSync();
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`${QEMU} ${path}: ${new TextDecoder().decode(stderr)}`);
  return { seconds, output: new TextDecoder("latin1").decode(stdout) };
}

/** Speeds of programs as a part of QEMU's. */
export async function* hart(settings: Settings): AsyncGenerator<Row> {
  const { folder, quick, wants, tell } = settings;
  tell("making the image");
  const plan = await makePlan(folder);
  const root = await rootTree(plan, folder);
  const ratios: number[] = [];
  for (const workload of workloads(quick)) {
    if (!wants(workload.name)) continue;
    const pairs = await repeated(
      settings,
      workload.name,
      quick ? 2 : 3,
      async (): Promise<Pair> => {
        const theirs = underQemu(root, workload), ours = await onMachine(plan, workload);
        const same = ours.output.replaceAll(root, "") === theirs.output.replaceAll(root, "");
        if (!same) throw new Error(`${workload.name}: the outputs differ`);
        return { ours: 1 / ours.seconds, peer: 1 / theirs.seconds };
      },
    );
    const measured = row(workload.name, "runs/s", "QEMU", workload.goal, pairs);
    ratios.push(measured.ratio);
    yield measured;
  }
  if (ratios.length > 1) {
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
    const name = `geometric mean of these ${ratios.length}`;
    yield row(name, "", "QEMU", ">= 0.8", [{ ours: mean, peer: 1 }]);
  }
  yield* starts(
    settings,
    plan,
    (program) => underQemu(root, program).seconds,
    async (program) => (await onMachine(plan, program)).seconds,
  );
}
