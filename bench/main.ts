// Side-by-side measurements: `deno task bench`; `--help` says more.
import { parseArgs } from "@std/cli/parse-args";
import type { Case } from "./bench.ts";
import { hart } from "./hart.ts";
import { memory } from "./memory.ts";
import { net } from "./net.ts";
import { nullCall } from "./null_call.ts";
import { BenchOutput } from "./output.ts";
import { pread } from "./pread.ts";
import { recovery } from "./recovery.ts";
import { sequential } from "./sequential.ts";
import { soak } from "./soak.ts";

const cases: Record<string, Case> = {
  "null-call": nullCall,
  pread,
  sequential,
  memory,
  hart,
  net,
  soak: async function* ({ folder, quick, tell }) {
    const seconds = Number(options.seconds ?? (quick ? 10 : 60));
    tell(`clients of all kinds for ${seconds} s`);
    yield* await soak(folder, seconds);
  },
  recovery,
};

const USAGE = `Usage: deno task bench [CASE...] [options]

Measures beside a peer, in the same run; prints each row as soon as there is one.
Cases: ${Object.keys(cases).join(", ")}; all of them unless told.

  --quick        fewer and shorter runs
  --only TEXT    only rows with this in their name, such as --only "redis GET"
  --json         a line of JSON for each row
  --seconds N    of the soak: how long clients ask

Exit codes: 0 fine, 1 a goal was missed that must not be, 2 wrong use.`;

function fail(why: string): never {
  console.error(`bench: ${why}`);
  Deno.exit(2);
}

// `deno task bench -- --quick` hands the two dashes on.
const options = parseArgs(Deno.args.filter((argument) => argument !== "--"), {
  boolean: ["quick", "json", "help"],
  string: ["seconds", "only"],
});
const known = ["_", "quick", "json", "help", "seconds", "only"];
const odd = Object.keys(options).find((name) => !known.includes(name));
if (odd !== undefined) fail(`there is no option --${odd}; see --help`);
if (options.help) {
  console.log(USAGE);
  Deno.exit(0);
}
const { only } = options;
if (only === "") fail("--only wants a part of a row's name");
const names = options._.map(String);
const unknown = names.find((name) => !Object.hasOwn(cases, name));
if (unknown !== undefined) {
  fail(`there is no case "${unknown}"; there are ${Object.keys(cases).join(", ")}`);
}

const folder = Deno.makeTempDirSync();
const output = new BenchOutput(options.json);
const left = new Set<string>();
const wants = (row: string) => {
  const wanted = only === undefined || row.includes(only);
  if (!wanted) left.add(row);
  return wanted;
};
try {
  for (const name of names.length > 0 ? names : Object.keys(cases)) {
    const tell = (what: string) => output.tell(`${name}: ${what}`);
    for await (const row of cases[name]({ folder, quick: options.quick, wants, tell })) {
      if (wants(row.case)) output.row(row);
    }
  }
} finally {
  output.clear();
  Deno.removeSync(folder, { recursive: true });
}
if (output.rows === 0) fail(`no row has "${only}" in its name; there are ${[...left].join("; ")}`);
Deno.exit(output.failed ? 1 : 0);
