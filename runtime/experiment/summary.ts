// Runs -> what they say: every figure of every case with its interval, beside its baseline.
import type { CasePlan, ExperimentPlan, FigurePlan } from "../../schemas/experiment_plan.ts";
import type { RunRecord } from "./records.ts";
import { type Interval, ratio, relativeWidth, type Sample, summarize } from "./statistics.ts";

/** A figure of a case. */
export interface FigureSummary {
  case: CasePlan;
  figure: FigurePlan;
  sample: Sample;
  /** over the baseline's */
  ratio?: Interval;
}

export interface Summary {
  figures: FigureSummary[];
  /** means of the counters, by case, domain and counter */
  counters: Map<string, Record<string, Record<string, number>>>;
  failures: RunRecord[];
  /** counters that no run had */
  missingCounters: string[];
}

/** Sums up an experiment, also one that is under way. */
export function summarizeRuns(plan: ExperimentPlan, runs: readonly RunRecord[]): Summary {
  const figures: FigureSummary[] = [];
  const counted = countedRuns(runs);
  const samples = new Map<string, Sample>();
  const of = (id: string, name: string) => samples.get(`${id}\n${name}`);
  for (const one of plan.cases) {
    for (const { name } of figuresOfCase(plan, one)) {
      const values = (counted.get(one.id) ?? []).map((run) => run.figures![name]);
      if (values.length > 0) {
        samples.set(`${one.id}\n${name}`, summarize(values, plan.confidence));
      }
    }
  }
  for (const one of plan.cases) {
    for (const figure of figuresOfCase(plan, one)) {
      const sample = of(one.id, figure.name);
      if (sample === undefined) continue;
      const other = one.baseline === undefined ? undefined : of(one.baseline, figure.name);
      figures.push({
        case: one,
        figure,
        sample,
        ratio: other && comparable(sample, other)
          ? ratio(sample, other, plan.confidence)
          : undefined,
      });
    }
  }
  const counters = new Map([...counted].map(([id, own]) => [id, meanCounters(own)] as const));
  const known = new Set(
    [...counters.values()].flatMap((domains) => Object.values(domains).flatMap(Object.keys)),
  );
  return {
    figures,
    counters,
    failures: runs.filter(({ failure }) => failure !== undefined),
    missingCounters: counters.size === 0 ? [] : plan.counters.filter((name) => !known.has(name)),
  };
}

/** A count of nothing has no ratio to another. */
function comparable(sample: Sample, other: Sample): boolean {
  return sample.value > 0 && other.value > 0;
}

export function figuresOfCase(plan: ExperimentPlan, { workload }: CasePlan): FigurePlan[] {
  return plan.workloads.find(({ name }) => name === workload)!.figures;
}

/** Runs that have figures and are no warm-ups, by case. */
export function countedRuns(runs: readonly RunRecord[]): Map<string, RunRecord[]> {
  return Map.groupBy(
    runs.filter(({ counts, figures }) => counts && figures !== undefined),
    (run) => run.case,
  );
}

/** Half the widest interval of a case's figures, over its mean; infinite with fewer than two runs. */
export function widestInterval(
  plan: ExperimentPlan,
  one: CasePlan,
  runs: readonly RunRecord[],
): number {
  const widths = figuresOfCase(plan, one).map(({ name }) =>
    relativeWidth(summarize(runs.map((run) => run.figures![name]), plan.confidence))
  );
  return runs.length < 2 ? Infinity : Math.max(...widths);
}

function meanCounters(runs: readonly RunRecord[]): Record<string, Record<string, number>> {
  const sums: Record<string, Record<string, number>> = {};
  for (const { counters = {} } of runs) {
    for (const [domain, values] of Object.entries(counters)) {
      for (const [name, value] of Object.entries(values)) {
        const domainSums = sums[domain] ??= {};
        domainSums[name] = (domainSums[name] ?? 0) + value / runs.length;
      }
    }
  }
  return sums;
}
