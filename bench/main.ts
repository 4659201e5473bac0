// Side-by-side measurements: `deno task bench [NAME...] [--quick] [--json]`; of the soak, `--seconds N`.
import { parseArgs } from "@std/cli/parse-args";
import { hart } from "./hart.ts";
import { memory } from "./memory.ts";
import { net } from "./net.ts";
import { nullCall } from "./null_call.ts";
import { pread } from "./pread.ts";
import { recovery } from "./recovery.ts";
import { sequential } from "./sequential.ts";
import { soak } from "./soak.ts";
import { type Row, table } from "./statistics.ts";

const cases: Record<string, (folder: string, quick: boolean) => Row[] | Promise<Row[]>> = {
  "null-call": nullCall,
  pread,
  sequential,
  memory,
  hart,
  net,
  soak: (folder, quick) => soak(folder, Number(options.seconds ?? (quick ? 10 : 60))),
  recovery,
};

// `deno task bench -- --quick` hands the two dashes on.
const given = Deno.args.filter((argument) => argument !== "--");
const options = parseArgs(given, { boolean: ["quick", "json"], string: ["seconds"] });
const names = options._.map(String);
const unknown = names.find((name) => !(name in cases));
if (unknown !== undefined) {
  console.error(`bench: there is no case "${unknown}"; there are ${Object.keys(cases).join(", ")}`);
  Deno.exit(2);
}
const folder = Deno.makeTempDirSync();
const rows: Row[] = [];
try {
  for (const name of names.length > 0 ? names : Object.keys(cases)) {
    if (Deno.stderr.isTerminal()) console.error(`measuring ${name} ...`);
    rows.push(...await cases[name](folder, options.quick));
  }
} finally {
  Deno.removeSync(folder, { recursive: true });
}
console.log(options.json ? JSON.stringify(rows, null, 2) : table(rows));
Deno.exit(rows.some(({ failed }) => failed) ? 1 : 0);
