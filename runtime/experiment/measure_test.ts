// Figures as programs print them, and as reports have them.
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { FigurePlan } from "../../schemas/experiment_plan.ts";
import type { MachineReport } from "../report.ts";
import { countersOf, figuresOf } from "./measure.ts";

const report = {
  programs: [{ name: "a", status: 0, seconds: 2 }],
  domains: [
    { name: "primary", isolation: "none", calls: 7, roundTrips: 0 },
    { name: "storage", isolation: "process", calls: 5, roundTrips: 4 },
  ],
  recoveries: [{ firstCallMs: 30 }, { firstCallMs: 50 }],
} as unknown as MachineReport;

const read = (figure: Partial<FigurePlan>, output: string) =>
  figuresOf(
    [{ name: "it", title: "it", unit: "1/s", better: "higher", ...figure }],
    output,
    report,
  ).it;

Deno.test("what sysbench, ab and redis-benchmark print", () => {
  const sysbench = "    transactions:     1021   (102.05 per sec.)\n    read, MiB/s:   12.91\n";
  assertEquals(read({ pattern: "transactions:.*\\((?<it>[0-9.]+) per sec" }, sysbench), 102.05);
  assertEquals(read({ pattern: "read, MiB/s:\\s+(?<it>[0-9.]+)" }, sysbench), 12.91);
  const ab = "Requests per second:    1234.56 [#/sec] (mean)\n  95%     12\n";
  assertEquals(read({ pattern: "^Requests per second:\\s+(?<it>\\S+)" }, ab), 1234.56);
  assertEquals(read({ pattern: "^\\s+95%\\s+(?<it>\\d+)$" }, ab), 12);
  const redis = '"SET","1,234.5"\n"GET","2000.0"\n';
  assertEquals(read({ pattern: '"SET","(?<it>[^"]+)"' }, redis), 1234.5);
});

Deno.test("several matches are averaged; none, or no number, is a failure", () => {
  assertAlmostEquals(read({ pattern: "t=(?<it>\\d+)" }, "t=1 t=2 t=6"), 3);
  assertThrows(() => read({ pattern: "t=(?<it>\\d+)" }, "nothing"), Error, 'figure "it"');
  assertThrows(() => read({ pattern: "t=(?<it>\\w*)" }, "t=fast"), Error, "is no number");
});

Deno.test("places of the report, and counters", () => {
  assertEquals(read({ report: "recoveries.firstCallMs" }, ""), 40);
  assertEquals(read({ report: "programs.seconds" }, ""), 2);
  assertThrows(() => read({ report: "recoveries.nothing" }, ""), Error, "is not there");
  assertEquals(countersOf(["roundTrips", "isolation", "nothing"], report), {
    primary: { roundTrips: 0 },
    storage: { roundTrips: 4 },
  });
});
