// The report of made-up runs: it stands by itself, says what was and was not measured, and a browser shows it.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { CasePlan, ExperimentPlan } from "../../../schemas/experiment_plan.ts";
import { csvText } from "../csv.ts";
import type { Header, RunRecord } from "../records.ts";
import { writeResults } from "../results.ts";
import { summarizeRuns } from "../summary.ts";
import { pageText } from "./page.ts";
import { svgFile, ticks } from "./svg.ts";
import { plotOf } from "./plots.ts";

const sizes = ["64", "1024", "65536"];
const systems = ["one", "two"];
const caseOf = (system: string, workload: string, parameters: Record<string, string>): CasePlan => {
  const id = [system, workload, ...Object.values(parameters)].join(" ");
  const baseline = system === "one" ? undefined : id.replace("two", "one");
  return { id, system, workload, parameters, baseline, machine: {} as CasePlan["machine"] };
};
const cases = [
  ...systems.flatMap((system) => sizes.map((size) => caseOf(system, "copy", { size }))),
  ...systems.map((system) => caseOf(system, "call", {})),
  caseOf("one", "broken", {}),
];
const figure = {
  name: "rate",
  title: "calls",
  unit: "1/s",
  better: "higher" as const,
  pattern: "x",
};
const plan: ExperimentPlan = {
  version: 1,
  name: "it",
  title: 'Copies & <calls> of "it"',
  description: "What it costs",
  file: "/it.yaml",
  quick: false,
  systems: systems.map((name) => ({ name, title: name, file: `/a/${name}.yaml` })),
  parameters: [{ name: "size", title: "bytes", values: sizes }],
  workloads: ["copy", "call", "broken"].map((name) => ({
    name,
    title: `a ${name}`,
    timeoutMs: 1000,
    figures: [figure],
  })),
  cases,
  pruned: [{
    system: "two",
    workload: "call",
    parameters: { size: "63" },
    code: "E0110",
    reason: "must be a power of two",
    place: "/a/it.yaml:3:4",
  }],
  merged: [],
  repetitions: 4,
  warmup: 0,
  seed: 3,
  confidence: 0.95,
  counters: ["calls", "spoons"],
};
const runs: RunRecord[] = [0, 1, 2, 3].flatMap((round) =>
  cases.map(({ id, system, workload, parameters }): RunRecord => {
    const run = { case: id, round, counts: true, startedAt: "2026-01-01", seconds: 1 };
    if (workload === "broken") return { ...run, failure: "it ended with 1", output: "a\n<oh>" };
    const rate = (system === "one" ? 1000 : 250) / Number(parameters.size ?? 1) * (1 + round / 100);
    return { ...run, figures: { rate }, counters: { primary: { calls: 5 + round } } };
  })
);
const header: Header = {
  experiment: "it",
  digest: "d",
  startedAt: "2026-01-02T03:04:05.000Z",
  host: { processor: "Z80", cores: 2, memoryBytes: 2 ** 34, system: "CP/M", deno: "2", v8: "15" },
};

Deno.test("a figure is beside its baseline, with intervals that are those of the runs", () => {
  const { figures, counters, failures, missingCounters } = summarizeRuns(plan, runs);
  const two = figures.find(({ case: { id } }) => id === "two call")!;
  assertEquals([two.sample.count, two.sample.value], [4, 253.75]);
  assertEquals(two.ratio!.value, 0.25);
  assert(two.ratio!.low < 0.25 && two.ratio!.high > 0.25 && two.ratio!.high < 0.27);
  assertEquals(counters.get("two call"), { primary: { calls: 6.5 } });
  assertEquals([failures.length, missingCounters], [4, ["spoons"]]);
});

Deno.test("the page says everything, and asks nothing of elsewhere", () => {
  const page = pageText(plan, header, runs, summarizeRuns(plan, runs));
  for (
    const text of [
      "Copies &amp; &lt;calls&gt; of &quot;it&quot;",
      "2026-01-02 03:04 UTC",
      "Z80, 2 cores",
      "254 ± 5.1",
      "0.250 (0.245 to 0.256)",
      "must be a power of two",
      "Counter spoons: no domain",
      "it ended with 1",
      "&lt;oh&gt;",
      "<svg",
      "prefers-color-scheme:dark",
    ]
  ) assertStringIncludes(page, text);
  assertEquals(/<script|<link|@import|url\(|(src|href)=/.test(page), false);
});

Deno.test("a parameter of numbers makes lines, anything else bars; a file of a plot is whole", () => {
  const summary = summarizeRuns(plan, runs);
  const of = (index: number) => plotOf(plan, plan.workloads[index], figure, summary);
  assertEquals(of(0)!.body.match(/<circle/g)!.length, 6);
  assertEquals(of(1)!.body.match(/<rect/g)!.length, 2);
  assertEquals(of(1)!.body.match(/<circle/g)!.length, 8);
  assertEquals(of(2), undefined);
  const file = svgFile(of(1)!);
  assert(file.startsWith('<svg xmlns="http://www.w3.org/2000/svg"'));
  assertEquals(/NaN|Infinity|undefined/.test(file + svgFile(of(0)!)), false);
});

Deno.test("ticks are round and reach as far as is needed", () => {
  assertEquals(ticks(7, 5), [0, 2, 4, 6, 8]);
  assertEquals(ticks(100, 5), [0, 20, 40, 60, 80, 100]);
  assertEquals(ticks(0.3, 3), [0, 0.1, 0.2, 0.3]);
});

Deno.test("the table of runs has a row for each, with what is to be quoted quoted", () => {
  const rows = csvText(plan, [runs[0], { ...runs.at(-1)!, failure: 'a "b", c' }]).split("\r\n");
  assertEquals(
    rows[0],
    "workload,system,size,round,warmup,started,figure,value,unit,failure",
  );
  assertEquals(rows[1], "copy,one,64,0,0,2026-01-01,rate,15.625,1/s,");
  assertEquals(rows[2], 'broken,one,,3,0,2026-01-01,rate,,1/s,"a ""b"", c"');
});

/** A browser without a window. */
const browser = ["chromium", "chromium-headless-shell", "google-chrome"].find((name) => {
  try {
    return new Deno.Command(name, { args: ["--version"], stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
});
if (browser === undefined) console.warn("The report is not opened: there is no chromium");

Deno.test({
  name: "a browser opens the report and draws its plots",
  ignore: browser === undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await writeResults(plan, { header, runs }, folder);
      const picture = `${folder}/report.png`;
      const args = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        `--user-data-dir=${folder}/profile`,
        "--window-size=1000,1600",
        `--screenshot=${picture}`,
        `file://${folder}/report.html`,
      ];
      const show = new Deno.Command(browser!, {
        args,
        stderr: "null",
        signal: AbortSignal.timeout(60_000),
      });
      assert((await show.output()).success);
      const dump = await new Deno.Command(browser!, {
        args: [...args.slice(0, 4), "--dump-dom", args.at(-1)!],
        stderr: "null",
        signal: AbortSignal.timeout(60_000),
      }).output();
      const dom = new TextDecoder().decode(dump.stdout);
      assertEquals(dom.match(/<svg/g)!.length, 2);
      assertEquals(dom.match(/<circle/g)!.length, 14);
      // A page without plots is a third of that.
      assert((await Deno.stat(picture)).size > 40_000);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
