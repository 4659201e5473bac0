// The document of the live page: its looks and its parts. What moves is in watch_page_script.ts; nothing is
// loaded from elsewhere.
import { watchPageScript } from "./watch_page_script.ts";

/** The whole page. @param system the name of the system that it shows */
export function watchPage(system: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${system}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header>
  <h1>${system}</h1><span id="state" class="state">connecting</span>
</header>
<section class="tiles">
  <div class="tile"><div class="label">calls a second</div><div class="value" id="calls">-</div></div>
  <div class="tile"><div class="label">memory</div><div class="value" id="memory">-</div></div>
  <div class="tile"><div class="label">restarts</div><div class="value" id="restarts">-</div></div>
  <div class="tile"><div class="label">slowest ring, p99</div><div class="value" id="slowest">-</div></div>
</section>
<section class="charts">
  <figure id="chart-calls"><figcaption>Calls a second, by domain</figcaption></figure>
  <figure id="chart-latency"><figcaption>Latency of ring calls, p99</figcaption></figure>
  <figure id="chart-occupancy"><figcaption>Calls without an answer, mean by ring</figcaption></figure>
  <figure id="chart-memory"><figcaption>Memory, by domain</figcaption></figure>
</section>
<section class="tables">
  <table id="domains"></table>
  <table id="rings"></table>
  <table id="programs"></table>
  <table id="busiest"></table>
</section>
<script>${watchPageScript}</script>
</body>
</html>
`;
}

const style = `
:root {
  color-scheme: light dark;
  --page: #f6f6f4; --surface: #fcfcfb; --line: #e3e2de; --grid: #ecebe7;
  --text: #0b0b0b; --quiet: #52514e; --faint: #7a7974; --good: #0a7a33; --bad: #c0302f;
  --s0: #2a78d6; --s1: #1baf7a; --s2: #eda100; --s3: #4a3aa7; --s4: #e34948; --s5: #008300;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121211; --surface: #1a1a19; --line: #33322f; --grid: #272624;
    --text: #ffffff; --quiet: #c3c2b7; --faint: #96958c; --good: #35b566; --bad: #ee6a69;
    --s0: #3987e5; --s1: #199e70; --s2: #c98500; --s3: #9085e9; --s4: #e66767; --s5: #4aa84a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 20px; max-width: 1240px; background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, sans-serif;
}
header { display: flex; align-items: baseline; gap: 12px; margin-bottom: 16px; }
h1 { font-size: 22px; margin: 0; }
.state { color: var(--quiet); }
.state::before { content: "\\25cf "; color: var(--faint); }
.state.ready::before { color: var(--good); }
.state.lost::before { color: var(--bad); }
.tiles, .charts { display: grid; gap: 12px; margin-bottom: 12px; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.tile, figure, table {
  background: var(--surface); border: 1px solid var(--line); border-radius: 8px;
}
.tile { padding: 10px 14px; }
.label, figcaption, th { color: var(--quiet); }
.value { font-size: 26px; font-weight: 600; }
figure { margin: 0; padding: 12px 14px; position: relative; }
svg { display: block; width: 100%; height: 190px; overflow: visible; }
svg text { fill: var(--faint); font-size: 11px; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--grid); } .cross { stroke: var(--faint); }
.restart { stroke: var(--bad); stroke-dasharray: 3 3; }
.series { fill: none; stroke-width: 2; stroke-linejoin: round; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; color: var(--quiet); font-size: 12px; min-height: 18px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 5px; }
.legend b { color: var(--text); font-weight: 500; font-variant-numeric: tabular-nums; }
.tables { display: grid; gap: 12px; overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; width: 100%; padding: 6px 8px; }
th, td { text-align: right; padding: 4px 8px; white-space: nowrap; font-variant-numeric: tabular-nums; }
th { font-weight: 500; } th:first-child, td:first-child { text-align: left; }
.bad { color: var(--bad); }
`;
