// Sections of the report on combinations that did not run: those that cannot be, or that nobody asks for, and
// those that are the same machine as another.
import type { Combination, ExperimentPlan } from "../../../schemas/experiment_plan.ts";
import { element } from "./svg.ts";
import { tableOf } from "./tables.ts";

/** So many combinations are named of those that are left out for one reason. */
const NAMED = 6;

export function leftOut({ pruned }: ExperimentPlan): string {
  if (pruned.length === 0) return "";
  const rows = [
    ...Map.groupBy(
      pruned,
      ({ code, reason, system, workload }) => [workload, system, code, reason].join("\n"),
    ),
  ].map(([key, own]) => {
    const [workload, system, code, reason] = key.split("\n");
    return [
      workload,
      system,
      valuesOf(own),
      String(own.length),
      code,
      reason,
      fileOf(own[0].place),
    ];
  });
  return section(
    "Combinations that were left out",
    "By the compiler, as no such machine can be, or by a constraint of the experiment.",
    tableOf(["workload", "system", "with", "how many", "code", "why", "where"], rows, [3]),
  );
}

export function oneMachine({ merged }: ExperimentPlan): string {
  if (merged.length === 0) return "";
  const rows = [...Map.groupBy(merged, ({ into }) => into)].map(([into, own]) => [
    into,
    valuesOf(own),
    String(own.length),
  ]);
  return section(
    "Combinations that are one machine",
    "Parameters made no difference to these, so that one run stands for all of them.",
    tableOf(["what ran", "and stands for", "how many"], rows, [2]),
  );
}

function section(title: string, text: string, content: string): string {
  return [element("h2", {}, title), element("p", {}, text), content].join("\n");
}

/** Values of the parameters, of the first of several combinations. */
function valuesOf(combinations: Combination[]): string {
  const texts = combinations.slice(0, NAMED).map(({ parameters }) =>
    Object.entries(parameters).map(([name, value]) => `${name}=${value}`).join(" ")
  );
  const more = combinations.length - texts.length;
  return [...texts, ...(more > 0 ? [`${more} more`] : [])].join("; ");
}

/** A place without the folders of its file. */
function fileOf(place: string): string {
  return place.split("/").at(-1)!;
}
