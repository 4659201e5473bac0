// What a machine did, as a table for people.
import type { MachineReport } from "../../runtime/report.ts";
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
  const programs = report.programs.map(({ name, status, signal, health, restarts }) => {
    const more = [
      ...health === undefined ? [] : [health],
      ...restarts ? [`started again ${restarts === 1 ? "once" : `${restarts} times`}`] : [],
    ];
    return `${name}: ${signal ?? status}${more.length === 0 ? "" : ` (${more.join(", ")})`}`;
  });
  return `${table(HEAD, rows)}\n\n${programs.join(", ")}; ${report.seconds.toFixed(2)} s`;
}
