// How the report looks, in the light and in the dark.
import { colorStyle, plotStyle } from "./svg.ts";

export const pageStyle = `
${colorStyle(":root")}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,sans-serif}
main{max-width:68rem;margin:0 auto;padding:2.5rem 1.5rem 5rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .6rem;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:2.8rem 0 .8rem;padding-top:.9rem;border-top:1px solid var(--line)}
.lead{font-size:1.05rem;color:var(--muted);max-width:46rem;margin:0 0 1.4rem}
.note{color:var(--muted);font-size:.85rem}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.7rem 1.5rem;
  margin:0;padding:1rem 1.2rem;background:var(--soft);border-radius:8px}
dt{font-size:.75rem;color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
figure{margin:0 0 1rem}
figcaption{font-size:.85rem;color:var(--muted)}
.table{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.85rem;line-height:1.35;min-width:100%}
th,td{text-align:left;padding:.34rem .7rem;vertical-align:top;border-bottom:1px solid var(--line)}
td:nth-child(-n+3){min-width:6rem}
.glance td:first-child{min-width:17rem}
.glance td:nth-child(2){min-width:0}
th{font-weight:600;color:var(--muted);white-space:nowrap}
.glance th{white-space:normal;vertical-align:bottom}
.number{text-align:right;font-variant-numeric:tabular-nums}
td.number{white-space:nowrap}
.better{background:var(--better)}
.worse{background:var(--worse)}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--muted);font-size:.85rem}
li{margin:.15rem 0}
${plotStyle}
@media print{main{max-width:none;padding:0}figure,tr{break-inside:avoid}}
`;
