// Lines over a parameter that is a number, one for each system, with intervals; panels beside each other for
// the values of other parameters. All panels have one scale.
import type { Interval } from "../statistics.ts";
import { element, label, type Plot, seriesColor, textWidth, ticks, tickText } from "./svg.ts";

export interface Line {
  name: string;
  /** which colour */
  series: number;
  points: { x: number; mean: Interval }[];
}

export interface Panel {
  /** empty where there is one alone */
  name: string;
  lines: Line[];
}

const WIDTH = 880;
const HEIGHT = 220;
const TOP = 4;
const HEAD = 22;
const GAP = 22;
const FOOT = 44;
const LEGEND_ROW = 20;
/** What the legend leaves for the unit. */
const CAPTION = 230;
/** From this ratio of the largest to the smallest on, each doubling has the same room. */
const LOGARITHMIC_FROM = 20;

/** @param horizontal what the parameter is */
export function linePlot(title: string, unit: string, horizontal: string, panels: Panel[]): Plot {
  const lines = panels.flatMap((panel) => panel.lines);
  const points = lines.flatMap((line) => line.points);
  const vertical = verticalScale(points.map(({ mean }) => mean));
  const { marks, up } = vertical;
  const left = 12 + Math.max(...marks.map((mark) => textWidth(tickText(mark))));
  const columns = Math.min(panels.length, 3), rows = Math.ceil(panels.length / columns);
  const width = (WIDTH - left - GAP * (columns - 1)) / columns;
  const places = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const across = horizontalScale(places, width);
  const { body: legend, height: legendHeight } = legendMarkup(lines);
  const rowHeight = HEAD + HEIGHT + FOOT;
  const drawn = panels.map((panel, index) => {
    const x = left + (index % columns) * (width + GAP);
    const y = legendHeight + Math.floor(index / columns) * rowHeight + HEAD;
    const scales = marks.map((mark) =>
      element("line", { x1: 0, x2: width, y1: up(mark), y2: up(mark), class: "grid" }) +
      (index % columns === 0 ? label(-8, up(mark) + 4, tickText(mark), { class: "muted end" }) : "")
    );
    const below = places.map((place) =>
      label(across(place), HEIGHT + 16, place.toLocaleString("en"), { class: "muted middle" })
    );
    return element(
      "g",
      { transform: `translate(${x} ${y})` },
      ...scales,
      ...below,
      panel.name === "" ? "" : label(0, -8, panel.name, { class: "head" }),
      label(width / 2, HEIGHT + 33, horizontal, { class: "muted middle" }),
      ...panel.lines.map((line) => lineMarkup(line, across, up)),
    );
  });
  const caption = label(WIDTH, TOP + 12, vertical.logarithmic ? `${unit}, logarithmic` : unit, {
    class: "muted end",
  });
  return {
    width: WIDTH,
    height: legendHeight + rows * rowHeight,
    title,
    body: [legend, caption, ...drawn].join(""),
  };
}

function highOf({ value, high }: Interval): number {
  return Number.isFinite(high) ? Math.min(high, 2 * value) : value;
}

interface VerticalScale {
  marks: number[];
  logarithmic: boolean;
  /** from the top of a panel */
  up(value: number): number;
}

/** From zero, or over powers of ten where small values would lie on the axis. */
function verticalScale(means: Interval[]): VerticalScale {
  const least = Math.min(...means.map(({ value }) => value));
  const most = Math.max(...means.map(highOf));
  if (!(least > 0) || most / least < LOGARITHMIC_FROM) {
    const marks = ticks(most, 5), end = marks.at(-1)!;
    return { marks, logarithmic: false, up: (value) => HEIGHT * (1 - Math.max(0, value) / end) };
  }
  const marks = logarithmicMarks(least, most);
  const begin = Math.log(marks[0]), span = Math.log(marks.at(-1)!) - begin;
  return {
    marks,
    logarithmic: true,
    up: (value) => HEIGHT * (1 - (Math.log(Math.max(value, marks[0])) - begin) / span),
  };
}

/** Numbers that begin with 1, 2 or 5, from the last one below to the first one above. */
function logarithmicMarks(least: number, most: number): number[] {
  const marks: number[] = [];
  for (
    let power = Math.floor(Math.log10(least));
    marks.at(-1)! < most || marks.length < 2;
    power++
  ) {
    for (const digit of [1, 2, 5]) {
      const mark = Number(`${digit}e${power}`);
      if (mark <= least) marks[0] = mark;
      else if (marks.length === 0 || marks.at(-1)! < most) marks.push(mark);
    }
  }
  return marks;
}

function horizontalScale(places: number[], width: number): (value: number) => number {
  const least = places[0], most = places.at(-1)!;
  const of = least > 0 && most / least >= LOGARITHMIC_FROM ? Math.log : (value: number) => value;
  const begin = of(least), span = of(most) - begin || 1, margin = 24;
  return (value) => margin + (of(value) - begin) / span * (width - 2 * margin);
}

function lineMarkup(
  { series, points }: Line,
  across: (value: number) => number,
  up: (value: number) => number,
): string {
  const color = seriesColor(series);
  // A little apart, so that intervals at one place can be told apart.
  const shift = (series % 5 - 2) * 1.5;
  const ordered = [...points].sort((a, b) => a.x - b.x);
  const path = ordered.map(({ x, mean }, index) =>
    `${index === 0 ? "M" : "L"}${(across(x) + shift).toFixed(1)} ${up(mean.value).toFixed(1)}`
  ).join("");
  const marks = ordered.map(({ x, mean }) => {
    const at = across(x) + shift;
    const interval = Number.isFinite(mean.high)
      ? element("line", {
        x1: at,
        x2: at,
        y1: up(mean.low),
        y2: up(highOf(mean)),
        stroke: color,
        "stroke-width": 1.25,
      })
      : "";
    return interval + element("circle", { cx: at, cy: up(mean.value), r: 3.5, fill: color });
  });
  return element("path", { d: path, class: "series", stroke: color }) + marks.join("");
}

function legendMarkup(lines: Line[]): { body: string; height: number } {
  const names = new Map(lines.map(({ name, series }) => [name, series]));
  let x = 0, y = TOP + 12;
  const parts: string[] = [];
  for (const [name, series] of names) {
    const width = textWidth(name) + 34;
    if (x > 0 && x + width > WIDTH - CAPTION) [x, y] = [0, y + LEGEND_ROW];
    parts.push(
      element("rect", { x, y: y - 10, width: 12, height: 12, rx: 2, fill: seriesColor(series) }),
      label(x + 18, y, name),
    );
    x += width;
  }
  return { body: parts.join(""), height: y + 16 };
}
