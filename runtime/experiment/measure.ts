// The figures of a run: read of what its program printed, or of the machine's report.
import type { FigurePlan } from "../../schemas/experiment_plan.ts";
import type { MachineReport } from "../report.ts";

/**
 * What a run measured.
 *
 * @throws Error for a figure that is not there, or is no number
 */
export function figuresOf(
  figures: readonly FigurePlan[],
  output: string,
  report: MachineReport,
): Record<string, number> {
  return Object.fromEntries(figures.map((figure) => {
    const found = figure.pattern !== undefined
      ? printed(figure.pattern, figure.name, output)
      : reported(figure.report!, report);
    if (found.length === 0) {
      throw new Error(`Cannot read figure "${figure.name}": ${source(figure)} is not there`);
    }
    const wrong = found.find((value) => !Number.isFinite(value));
    if (wrong !== undefined) {
      throw new Error(`Cannot read figure "${figure.name}": ${source(figure)} is no number`);
    }
    return [figure.name, found.reduce((sum, value) => sum + value, 0) / found.length];
  }));
}

function source({ pattern, report }: FigurePlan): string {
  return pattern !== undefined ? `what matches ${pattern}` : `${report} of the report`;
}

function printed(pattern: string, name: string, output: string): number[] {
  return [...output.matchAll(new RegExp(pattern, "gm"))]
    .map((match) => match.groups?.[name])
    .filter((text) => text !== undefined)
    .map((text) => text.trim() === "" ? NaN : Number(text.replaceAll(",", "")));
}

/** Numbers at a place of the report; of a list, those of all its items. */
function reported(place: string, report: MachineReport): number[] {
  let values: unknown[] = [report];
  for (const step of place.split(".")) {
    values = values.flatMap((value) => {
      const inner = (value as Record<string, unknown>)?.[step];
      return Array.isArray(inner) ? inner : inner === undefined ? [] : [inner];
    });
  }
  return values.map(Number);
}

/** Chosen counters by domain; those that the report does not have are left out. */
export function countersOf(
  counters: readonly string[],
  report: MachineReport,
): Record<string, Record<string, number>> {
  return Object.fromEntries(report.domains.map((domain) => {
    const all = domain as unknown as Record<string, unknown>;
    const chosen = counters.filter((name) => typeof all[name] === "number");
    return [domain.name, Object.fromEntries(chosen.map((name) => [name, all[name] as number]))];
  }));
}
