// What a machine did, as a table for people.
import type { MachineReport, ProgramReport, Recovery } from "../../runtime/report.ts";
import { table } from "./table.ts";

const HEAD = [
  "domain",
  "isolation",
  "memory",
  "calls",
  "round trips",
  "doorbells",
  "restarts",
  "faults",
];

export function reportText(report: MachineReport): string {
  const rows = report.domains.map((one) => [
    one.name,
    one.isolation,
    `${Math.round((one.memoryBytes + one.heapBytes) / 2 ** 20)} MiB`,
    String(one.calls),
    String(one.roundTrips),
    String(one.doorbells),
    String(one.restarts),
    String(one.faults),
  ]);
  const programs = report.programs.map((program) => {
    const { name, health, restarts } = program;
    const more = [
      ...health === undefined ? [] : [health],
      ...restarts ? [`started again ${restarts === 1 ? "once" : `${restarts} times`}`] : [],
    ];
    return `${name}: ${endText(program)}${more.length === 0 ? "" : ` (${more.join(", ")})`}`;
  });
  return `${table(HEAD, rows)}${recoveriesText(report.recoveries)}\n\n${programs.join(", ")}; ${
    report.seconds.toFixed(2)
  } s`;
}

/** How a program ended. One that never was started has no time, and the status of a failure. */
function endText({ status, signal, seconds }: ProgramReport): string {
  return seconds === 0 && status === 1 ? "not started" : signal ?? String(status);
}

/** Rows of the table of recoveries: of those on top only their number is told. */
const SHOWN = 10;
const OUTAGE_HEAD = ["failed", "at", "ready after", "first call after", "because"];

function recoveriesText(recoveries: Recovery[]): string {
  if (recoveries.length === 0) return "";
  const after = (ms: number | undefined) => ms === undefined ? "-" : `${ms.toFixed(0)} ms`;
  const rows = recoveries.slice(0, SHOWN).map((
    { domain, cause, atMs, restartedMs, firstCallMs },
  ) => [
    domain,
    `${(atMs / 1000).toFixed(2)} s`,
    after(restartedMs),
    after(firstCallMs),
    cause,
  ]);
  const more = recoveries.length - rows.length;
  return `\n\n${table(OUTAGE_HEAD, rows)}${more > 0 ? `\nand ${more} more` : ""}`;
}
