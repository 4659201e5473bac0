// Elements of SVG (and of the page around it) as text, and scales with round ticks. Plots are written by
// themselves as files and into the page, so colours are variables that both define.

type Attribute = string | number | undefined;

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** An element; its children are markup already. */
export function element(
  name: string,
  attributes: Record<string, Attribute>,
  ...children: string[]
): string {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
    .map(([key, value]) =>
      ` ${key}="${escapeText(typeof value === "number" ? place(value) : value!)}"`
    ).join("");
  return children.length === 0
    ? `<${name}${given}/>`
    : `<${name}${given}>${children.join("")}</${name}>`;
}

/** A text of the plot. */
export function label(
  x: number,
  y: number,
  text: string,
  attributes: Record<string, Attribute> = {},
): string {
  return element("text", { x, y, ...attributes }, escapeText(text));
}

/** A coordinate, as exact as can be seen. */
function place(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Width of a text of 12 pixels, as most fonts have it. */
export function textWidth(text: string): number {
  return text.length * 6.6;
}

/** Round numbers from 0 up to at least `most`, about `count` of them. */
export function ticks(most: number, count: number): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / count, size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((part) => part * size).find((part) => part >= rough)!;
  const steps = Math.ceil(most / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

export function tickText(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 6 });
}

/** Variables of the colours: `--s0` to `--s7` are those of series, told apart by all eyes (Okabe and Ito). */
const colors = {
  light: {
    paper: "#ffffff",
    ink: "#1c2128",
    muted: "#5d6772",
    line: "#d9dee4",
    soft: "#f4f6f8",
    better: "#d8f0e4",
    worse: "#fde3d6",
  },
  dark: {
    paper: "#14181d",
    ink: "#e4e8ec",
    muted: "#98a2ad",
    line: "#333b44",
    soft: "#1c2229",
    better: "#173a2c",
    worse: "#46281a",
  },
  series: [
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#d55e00",
    "#56b4e9",
    "#8c8c8c",
    "#b8a400",
  ],
} as const;

/** The colours as CSS for a root element. */
export function colorStyle(root: string): string {
  const variables = (set: Record<string, string>) =>
    Object.entries(set).map(([name, value]) => `--${name}:${value}`).join(";");
  const series = Object.fromEntries(colors.series.map((value, index) => [`s${index}`, value]));
  return `${root}{color-scheme:light dark;${variables({ ...colors.light, ...series })}}
@media (prefers-color-scheme:dark){${root}{${variables(colors.dark)}}}`;
}

export const plotStyle = `.plot{font:12px system-ui,sans-serif;max-width:100%;height:auto}
.plot text{fill:var(--ink)}.plot .muted{fill:var(--muted)}.plot .head{font-weight:600}
.plot .grid{stroke:var(--line);stroke-width:1}.plot .interval{stroke:var(--ink);stroke-width:1.25;fill:none}
.plot .run{fill:var(--paper);stroke:var(--ink);stroke-width:.75}
.plot .series{fill:none;stroke-width:2}.plot .end{text-anchor:end}.plot .middle{text-anchor:middle}`;

export function seriesColor(index: number): string {
  return `var(--s${index % colors.series.length})`;
}

/** A plot: its markup for a page, and its size. */
export interface Plot {
  width: number;
  height: number;
  /** what it shows, for those who do not see it */
  title: string;
  body: string;
}

/** A plot as an element of a page. */
export function inlineSvg({ width, height, title, body }: Plot): string {
  return element(
    "svg",
    {
      class: "plot",
      role: "img",
      viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`,
      width: Math.ceil(width),
      height: Math.ceil(height),
    },
    element("title", {}, escapeText(title)),
    body,
  );
}

/** A plot as a file. */
export function svgFile(plot: Plot): string {
  const style = element("style", {}, `${colorStyle(".plot")}\n${plotStyle}`);
  const paper = element("rect", {
    width: plot.width,
    height: plot.height,
    fill: "var(--paper)",
  });
  return inlineSvg({ ...plot, body: style + paper + plot.body })
    .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ') + "\n";
}
