// The report of made-up runs: it stands by itself, says what was and was not measured, and a browser shows it
// as it is meant, in the light and in the dark.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { csvText } from "../../runtime/experiment/csv.ts";
import { pageText } from "../../runtime/experiment/report/page.ts";
import { plotOf } from "../../runtime/experiment/report/plots.ts";
import { svgFile, ticks } from "../../runtime/experiment/report/svg.ts";
import { writeResults } from "../../runtime/experiment/results.ts";
import { summarizeRuns } from "../../runtime/experiment/summary.ts";
import { withFolder } from "../fixtures/boot_harness.ts";
import { findBrowser, HeadlessPage } from "../fixtures/headless_browser.ts";
import { figure, header, plan, runs } from "./made_up_experiment.ts";

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

const browser = findBrowser();
if (browser === undefined) console.warn("The report is not opened: there is no chromium");

/** What is seen of the page: sizes in pixels. */
interface Seen {
  plots: { width: number; height: number }[];
  /** texts of plots that are not wholly inside them */
  outside: string[];
  /** tables with a column of numbers whose right edges differ */
  ragged: number;
  width: number;
  scrolls: number;
  paper: string;
  requests: number;
}

const LOOK = `(() => {
  const plots = [...document.querySelectorAll("svg.plot")];
  const box = (element) => element.getBoundingClientRect();
  const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1 &&
    a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
  const ragged = [...document.querySelectorAll("table")].filter((table) => {
    const edges = new Map();
    for (const row of table.rows) {
      [...row.cells].forEach((cell, column) => {
        if (!cell.classList.contains("number")) return;
        const range = document.createRange();
        range.selectNodeContents(cell);
        const edge = Math.round(box(range).right);
        edges.set(column, new Set([...(edges.get(column) ?? []), edge]));
      });
    }
    return [...edges.values()].some((found) => Math.max(...found) - Math.min(...found) > 1);
  });
  return {
    plots: plots.map((plot) => ({ width: box(plot).width, height: box(plot).height })),
    outside: plots.flatMap((plot) => [...plot.querySelectorAll("text")]
      .filter((text) => !inside(box(text), box(plot))).map((text) => text.textContent)),
    ragged: ragged.length,
    width: document.documentElement.clientWidth,
    scrolls: document.documentElement.scrollWidth,
    paper: getComputedStyle(document.body).backgroundColor,
    requests: performance.getEntriesByType("resource").length,
  };
})()`;

/** Waits until the page is there. @throws Error where it does not come */
async function loaded(page: HeadlessPage): Promise<void> {
  const there = "document.readyState === 'complete' && document.querySelector('h1') !== null";
  for (let look = 0; look < 200; look++) {
    if (await page.evaluate(there)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("The report is not loaded");
}

Deno.test({
  name: "a browser shows the report: plots are whole, numbers line up, also in the dark",
  ignore: browser === undefined,
  fn: () =>
    withFolder(async (folder) => {
      await writeResults(plan, { header, runs }, folder);
      const page = await HeadlessPage.open(browser!, `file://${folder}/report.html`);
      try {
        await loaded(page);
        const light = await page.evaluate(LOOK) as Seen;
        assertEquals(light.plots.length, 2);
        for (const { width, height } of light.plots) assert(width > 600 && height > 80);
        assertEquals([light.outside, light.ragged, light.requests], [[], 0, 0]);
        assert(light.scrolls <= light.width, "the page is wider than its window");
        assertEquals(light.paper, "rgb(255, 255, 255)");
        const features = [{ name: "prefers-color-scheme", value: "dark" }];
        await page.send("Emulation.setEmulatedMedia", { features });
        assertEquals((await page.evaluate(LOOK) as Seen).paper, "rgb(20, 24, 29)");
      } finally {
        await page.close();
      }
    }),
});
