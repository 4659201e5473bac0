// Bars from zero, one for each system in each group; on top of each the interval of the mean, and its runs as
// dots.
import type { Interval } from "../statistics.ts";
import { element, label, type Plot, seriesColor, textWidth, ticks, tickText } from "./svg.ts";

export interface Bar {
  name: string;
  /** which colour */
  series: number;
  mean: Interval;
  runs: readonly number[];
  /** what is written behind it */
  note: string;
}

export interface BarGroup {
  /** empty where there is one alone */
  name: string;
  bars: Bar[];
}

const WIDTH = 880;
/** Marks of the axis are no nearer. */
const MARK = 90;
const ROW = 22;
const BAR = 14;
const GROUP_HEAD = 24;
const AXIS = 40;

/** @param unit what the axis counts */
export function barPlot(title: string, unit: string, groups: BarGroup[]): Plot {
  const bars = groups.flatMap((group) => group.bars);
  const left = 12 + Math.max(...bars.map(({ name }) => textWidth(name)));
  const right = 16 + Math.max(...bars.map(({ note }) => textWidth(note)));
  const most = Math.max(
    ...bars.flatMap(({ mean, runs }) => [
      Number.isFinite(mean.high) ? shownHigh(mean) : mean.value,
      ...runs,
    ]),
  );
  const marks = ticks(most, Math.max(2, Math.floor((WIDTH - left - right) / MARK)));
  const x = (value: number) => left + value / marks.at(-1)! * (WIDTH - left - right);
  const parts: string[] = [];
  let y = 4;
  for (const { name, bars } of groups) {
    if (name !== "") {
      parts.push(label(0, y + 14, name, { class: "head" }));
      y += GROUP_HEAD;
    }
    for (const bar of bars) {
      parts.push(barMarkup(bar, y, left, x));
      y += ROW;
    }
    y += 6;
  }
  const axis = marks.map((mark) =>
    element("line", { x1: x(mark), x2: x(mark), y1: 0, y2: y, class: "grid" }) +
    label(x(mark), y + 16, tickText(mark), { class: "muted middle" })
  );
  const caption = label(x(marks.at(-1)!), y + 32, unit, { class: "muted end" });
  return { width: WIDTH, height: y + AXIS, title, body: [...axis, ...parts, caption].join("") };
}

/** Intervals of two runs can be many times as wide as the bar: what is drawn of them ends somewhere. */
function shownHigh({ value, high }: Interval): number {
  return Math.min(high, 2 * value);
}

function barMarkup(
  { name, series, mean, runs, note }: Bar,
  y: number,
  left: number,
  x: (value: number) => number,
): string {
  const middle = y + ROW / 2;
  const parts = [
    label(left - 8, middle + 4, name, { class: "end" }),
    element("rect", {
      x: left,
      y: middle - BAR / 2,
      width: Math.max(0.5, x(mean.value) - left),
      height: BAR,
      rx: 2,
      fill: seriesColor(series),
    }),
  ];
  let end = Math.max(x(mean.value), ...runs.map(x));
  if (Number.isFinite(mean.high)) {
    const low = x(Math.max(0, mean.low)), high = x(shownHigh(mean));
    const cap = mean.high > shownHigh(mean) ? "" : `M${high} ${middle - 4}V${middle + 4}`;
    const foot = mean.low < 0 ? "" : `M${low} ${middle - 4}V${middle + 4}`;
    parts.push(element("path", { d: `M${low} ${middle}H${high}${cap}${foot}`, class: "interval" }));
    end = Math.max(end, high);
  }
  for (const run of runs) {
    parts.push(element("circle", { cx: x(run), cy: middle, r: 2, class: "run" }));
  }
  parts.push(label(end + 8, middle + 4, note, { class: "muted" }));
  return parts.join("");
}
