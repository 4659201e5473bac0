// Figures as people read them: as many digits as their interval supports.
import type { CasePlan, ExperimentPlan } from "../../schemas/experiment_plan.ts";
import type { Interval } from "./statistics.ts";

/** A number in at most so many digits, thousands apart. */
export function numberText(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-";
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(value)));
  const decimals = digits - 1 - size;
  const rounded = decimals >= 0 ? value : Math.round(value * 10 ** decimals) / 10 ** decimals;
  const fraction = Math.min(Math.max(0, decimals), 9);
  return rounded.toLocaleString("en", {
    minimumFractionDigits: fraction,
    maximumFractionDigits: fraction,
  });
}

/** A mean with half its interval: "1,234 ± 56". */
export function intervalText({ value, high }: Interval): string {
  const half = high - value;
  return Number.isFinite(half)
    ? `${numberText(value)} ± ${numberText(half, 2)}`
    : numberText(value);
}

/** A ratio with its interval: "0.83 (0.80 to 0.86)". */
export function ratioText({ value, low, high }: Interval): string {
  const interval = Number.isFinite(high) ? ` (${numberText(low)} to ${numberText(high)})` : "";
  return `${numberText(value)}${interval}`;
}

/** Values of the parameters that vary, and make a difference to a case. */
export function valuesText(
  plan: ExperimentPlan,
  { parameters }: Pick<CasePlan, "parameters">,
): string {
  return plan.parameters
    .filter(({ name, values }) => values.length > 1 && parameters[name] !== undefined)
    .map(({ name, title }) => `${title} ${parameters[name]}`).join(", ");
}
