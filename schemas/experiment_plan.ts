// What the compiler makes of an experiment and the runtime runs: every combination with its machine's plan.
// Plain data: it survives JSON, and its digest says whether results belong to it.
import type { Plan } from "./plan.ts";

/** An experiment, ready to run. */
export interface ExperimentPlan {
  /** format of this structure */
  version: 1;
  name: string;
  title: string;
  description: string;
  /** path of its manifest */
  file: string;
  /** whether its `quick` section was applied */
  quick: boolean;
  systems: { name: string; title: string; file: string }[];
  /** in the order of the manifest */
  parameters: ParameterPlan[];
  workloads: WorkloadPlan[];
  /** what runs */
  cases: CasePlan[];
  /** what does not, and why */
  pruned: PrunedCase[];
  /** what would be the same machine as another */
  merged: MergedCase[];
  repetitions: number;
  warmup: number;
  seed: number;
  /** of intervals: 0.95 */
  confidence: number;
  /** `width` is half an interval over its mean */
  stop?: { width: number; most: number };
  counters: string[];
}

export interface ParameterPlan {
  name: string;
  title: string;
  values: string[];
}

/** A program that is measured. */
export interface WorkloadPlan {
  name: string;
  title: string;
  timeoutMs: number;
  figures: FigurePlan[];
}

/** What is read of a run: of what it printed, or of the machine's report. */
export interface FigurePlan {
  name: string;
  title: string;
  unit: string;
  better: "higher" | "lower";
  /** source of a regular expression with a group `name` */
  pattern?: string;
  /** place in the machine's report */
  report?: string;
}

/** Values that tell one combination from another; a parameter that makes no difference is not there. */
export interface Combination {
  system: string;
  parameters: Record<string, string>;
  workload: string;
}

export interface CasePlan extends Combination {
  /** unique in the experiment, and the same each time it is compiled */
  id: string;
  /** the machine, with the workload's program under the workload's name, unless that runs on the host */
  machine: Plan;
  command?: HostCommand;
  /** id of the case that it is compared with; not there for one that is a baseline, or has none */
  baseline?: string;
}

/** A workload that the host runs: found along its PATH, if it is no path itself. */
export interface HostCommand {
  run: string;
  args: string[];
  /** beside what the host's environment has */
  env: Record<string, string>;
}

export interface PrunedCase extends Combination {
  /** code of a diagnostic, or "constraint" */
  code: string;
  reason: string;
  /** file:line:column */
  place: string;
}

export interface MergedCase extends Combination {
  /** id of the case that stands for it */
  into: string;
}
