// What moves on the live page: takes samples as server-sent events, draws charts as SVG and fills tables.
// It runs in a browser and is sent as it stands; names of the system are only ever set as text.

export const watchPageScript = String.raw`
"use strict";
const KEPT = 300, HEIGHT = 190, LEFT = 54, RIGHT = 8, TOP = 8, BOTTOM = 20;
const samples = [];
let pointed;

const byId = (id) => document.getElementById(id);
const count = (value) => Math.round(value).toLocaleString("en");
const short = (value) => value >= 1e6 ? trim(value / 1e6) + "M" : value >= 1e3 ? trim(value / 1e3) + "k" : trim(value);
const trim = (value) => String(Number(value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0)));
const bytes = (value) => value < 2 ** 20 ? count(value / 2 ** 10) + " KiB" : mebibytes(value);
const mebibytes = (bytes) => count(bytes / 2 ** 20) + " MiB";
const time = (ns) => ns === undefined || ns === null ? "" : ns < 1e3 ? trim(ns) + " ns" : ns < 1e6 ? trim(ns / 1e3) + " us"
  : ns < 1e9 ? trim(ns / 1e6) + " ms" : trim(ns / 1e9) + " s";

/** An element with attributes and children; text is text. */
function make(name, attributes, ...children) {
  const svg = ["svg", "path", "line", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const charts = [
  { id: "chart-calls", of: "domains", value: (each) => each.callsPerSecond, text: short },
  { id: "chart-latency", of: "rings", value: (each) => each.latencyP99Ns, text: time, logarithmic: true },
  { id: "chart-occupancy", of: "rings", value: (each) => each.ringOccupancy, text: trim },
  { id: "chart-memory", of: "domains", value: (each) => each.memoryBytes, text: (bytes) => short(bytes / 2 ** 20) + " MiB", unit: 2 ** 20 },
];

/** A number above all values from which four grid lines are round. */
function ceiling(most, unit = 1) {
  const steps = Math.max(most / unit, 1e-9) / 4, power = 10 ** Math.floor(Math.log10(steps));
  return 4 * unit * power * [1, 2, 2.5, 5, 10].find((each) => each * power >= steps * 0.999);
}

function scaleOf(chart, values) {
  const most = Math.max(...values, chart.logarithmic ? 1e4 : 1e-9);
  const span = HEIGHT - TOP - BOTTOM;
  if (!chart.logarithmic) {
    const top = ceiling(most, chart.unit);
    return { y: (value) => TOP + span * (1 - value / top), marks: [0, 1, 2, 3, 4].map((each) => top * each / 4) };
  }
  const from = Math.floor(Math.log10(Math.max(1, Math.min(...values, most)))), to = Math.max(from + 1, Math.ceil(Math.log10(most)));
  const marks = [];
  for (let power = from; power <= to; power++) marks.push(10 ** power);
  return { y: (value) => TOP + span * (to - Math.log10(Math.max(value, 1))) / (to - from), marks };
}

function draw(chart) {
  const figure = byId(chart.id);
  const WIDTH = Math.max(240, figure.clientWidth - 30);
  const names = [...new Set(samples.flatMap((sample) => sample[chart.of].map(({ name }) => name)))];
  const find = (sample, name) => {
    const each = sample[chart.of].find((one) => one.name === name);
    return each === undefined ? undefined : chart.value(each);
  };
  const values = samples.flatMap((sample) => sample[chart.of].map(chart.value)).filter((value) => value !== undefined);
  const { y, marks } = scaleOf(chart, values);
  const last = samples.at(-1).atMs, span = Math.max(30_000, last - samples[0].atMs);
  const x = (atMs) => LEFT + (WIDTH - LEFT - RIGHT) * (1 - (last - atMs) / span);
  const svg = make("svg", { viewBox: "0 0 " + WIDTH + " " + HEIGHT });
  for (const mark of marks) {
    svg.append(make("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(mark), y2: y(mark) }));
    svg.append(make("text", { x: LEFT - 6, y: y(mark) + 4, "text-anchor": "end" }, chart.text(mark)));
  }
  for (const [share, anchor] of [[0, "start"], [0.5, "middle"], [1, "end"]]) {
    const seconds = Math.round(span * (1 - share) / 1000);
    svg.append(make("text", { x: LEFT + (WIDTH - LEFT - RIGHT) * share, y: HEIGHT - 4, "text-anchor": anchor }, share === 1 ? "now" : "-" + seconds + " s"));
  }
  samples.forEach((sample, index) => {
    if (index === 0 || sample.restarts <= samples[index - 1].restarts) return;
    const mark = make("line", { class: "restart", x1: x(sample.atMs), x2: x(sample.atMs), y1: TOP, y2: HEIGHT - BOTTOM });
    mark.append(make("title", {}, "a domain was restarted"));
    svg.append(mark);
  });
  const shown = pointed === undefined ? samples.at(-1) : nearest(pointed);
  const legend = make("div", { class: "legend" });
  names.forEach((name, index) => {
    const color = "var(--s" + index % 6 + ")";
    let path = "";
    for (const sample of samples) {
      const value = find(sample, name);
      if (value !== undefined) path += (path === "" ? "M" : "L") + x(sample.atMs).toFixed(1) + " " + y(value).toFixed(1);
    }
    if (path !== "") svg.append(make("path", { class: "series", d: path, style: "stroke: " + color, "stroke-dasharray": index < 6 ? "none" : "5 3" }));
    const value = find(shown, name);
    legend.append(make("span", {}, make("i", { style: "background: " + color }), name + " ", make("b", {}, value === undefined ? "-" : chart.text(value))));
  });
  if (pointed !== undefined) svg.append(make("line", { class: "cross", x1: x(shown.atMs), x2: x(shown.atMs), y1: TOP, y2: HEIGHT - BOTTOM }));
  svg.onpointermove = (event) => {
    const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * WIDTH;
    pointed = last - span * (1 - (at - LEFT) / (WIDTH - LEFT - RIGHT));
    drawAll();
  };
  svg.onpointerleave = () => { pointed = undefined; drawAll(); };
  figure.replaceChildren(figure.firstElementChild, svg, legend);
}

const nearest = (atMs) => samples.reduce((best, each) => Math.abs(each.atMs - atMs) < Math.abs(best.atMs - atMs) ? each : best);
addEventListener("resize", () => drawAll());
const drawAll = () => { if (samples.length > 0) charts.forEach(draw); };

function fill(id, head, rows) {
  const line = (cells, kind) => make("tr", {}, ...cells.map((cell) => make(kind, {}, String(cell ?? ""))));
  byId(id).replaceChildren(line(head, "th"), ...rows.map((cells) => line(cells, "td")));
  byId(id).hidden = rows.length === 0;
}

function show(sample) {
  byId("state").textContent = sample.state;
  byId("state").className = "state " + sample.state;
  byId("calls").textContent = count(sample.callsPerSecond);
  byId("memory").textContent = mebibytes(sample.memoryBytes);
  byId("restarts").textContent = sample.restarts;
  byId("restarts").className = sample.restarts > 0 ? "value bad" : "value";
  const slow = Math.max(0, ...sample.rings.map((ring) => ring.latencyP99Ns ?? 0));
  byId("slowest").textContent = slow === 0 ? "-" : time(slow);
  fill("domains", ["domain", "isolation", "state", "generation", "calls/s", "p50", "p99", "p99.9", "doorbells/s", "spins/s", "cache hits", "IOMMU faults", "restarts", "memory"],
    sample.domains.map((each) => [each.name, each.isolation, each.state, each.generation, count(each.callsPerSecond), time(each.latencyP50Ns), time(each.latencyP99Ns),
      time(each.latencyP999Ns), count(each.doorbellsPerSecond), count(each.spinsPerSecond), each.pageCacheHitShare === undefined ? "" : (each.pageCacheHitShare * 100).toFixed(1) + "%",
      each.faults, each.restarts, mebibytes(each.memoryBytes)]));
  fill("rings", ["ring", "from", "to", "calls/s", "p50", "p99", "p99.9", "occupancy", "most", "copied/s"],
    sample.rings.map((each) => [each.name, each.client, each.server, count(each.callsPerSecond), time(each.latencyP50Ns), time(each.latencyP99Ns), time(each.latencyP999Ns),
      trim(each.ringOccupancy), each.ringOccupancyMost, bytes(each.bytesPerSecond)]));
  fill("busiest", ["system call", "calls/s"], sample.busiest.slice(0, 10).map((each) => [each.name, count(each.callsPerSecond)]));
  fill("programs", ["program", "state", "ended with", "health", "restarts"],
    sample.programs.map((each) => [each.name, each.state, each.signal ?? each.status, each.health, each.restarts]));
}

let due = false;
const source = new EventSource("samples");
// A stream that was interrupted begins anew, with what is kept.
source.onopen = () => { samples.length = 0; };
source.addEventListener("sample", ({ data }) => {
  samples.push(JSON.parse(data));
  if (samples.length > KEPT) samples.shift();
  if (due) return;
  due = true;
  setTimeout(() => { due = false; show(samples.at(-1)); drawAll(); });
});
const lost = (why) => { byId("state").textContent = why; byId("state").className = "state lost"; };
source.addEventListener("end", () => { source.close(); lost("ended"); });
source.onerror = () => lost("nobody answers");
`;
