// `compose compare`: two placements beside each other.
import { Command, ValidationError } from "@cliffy/command";
import type { Plan } from "../../schemas/plan.ts";
import { type Composition, compositionOf, type Failure } from "../compare/composition.ts";
import { codeLines } from "./code_size.ts";
import { Exit, plan, type Shared } from "./input.ts";
import { StatusLine } from "./terminal/progress.ts";
import { table } from "./table.ts";

/** A program's run on each of the two. */
interface Measured {
  program: string;
  /** medians */
  seconds: [number, number];
}

export const compareCommand = new Command()
  .description(
    "Show two placements beside each other.\n" +
      "Domains, the code that each has to trust, what crosses between them, and\n" +
      "what dies with what.",
  )
  .arguments("<file:file> <other:file>")
  .option(
    "-m, --measure <runs:integer>",
    "boot each so many times, in turns, and compare the programs' times",
  )
  .example("Slices", "compose compare examples/quickstart_monolithic.yaml examples/quickstart.yaml")
  .example("With times", "compose compare --measure 3 a.yaml b.yaml")
  .action(async (options: Shared & { measure?: number }, file: string, other: string) => {
    const { measure: runs } = options;
    if (runs !== undefined && !(Number.isInteger(runs) && runs >= 1)) {
      throw new ValidationError(`Say --measure 3, a number of boots, not ${runs}`);
    }
    const plans: [Plan, Plan] = [await plan(file, options), await plan(other, options)];
    const views = plans.map((each) => withCode(compositionOf(each)));
    // Variants of a manifest may have its name.
    if (views[0].name === views[1].name) [views[0].name, views[1].name] = [file, other];
    const measured = runs === undefined ? undefined : await measure(plans, views, runs, options);
    if (options.json) {
      return console.log(JSON.stringify({ systems: views, measured }, null, 2));
    }
    console.log(views.map(systemText).join("\n\n"));
    console.log(`\n${differencesText(views)}`);
    if (measured !== undefined) console.log(`\n${measuredText(measured, views)}`);
  });

type View = Omit<Composition, "domains"> & {
  domains: (Composition["domains"][number] & { codeLines?: number })[];
};

function withCode(composition: Composition): View {
  return {
    ...composition,
    domains: composition.domains.map((domain) => ({
      ...domain,
      codeLines: codeLines(domain.components),
    })),
  };
}

function failureText(failure: Failure): string {
  if (failure.ends === "machine") return "the machine ends";
  const { callers, contract } = failure;
  if (callers.length === 0) return "it is replaced";
  const [one, several] = contract === "retry" ? ["waits", "wait"] : ["gets errors", "get errors"];
  return `it is replaced, ${callers.join(" and ")} ${callers.length === 1 ? one : several}`;
}

function systemText({ name, domains, crossings }: View): string {
  const rows = domains.map((domain) => [
    domain.name,
    domain.isolation,
    domain.codeLines === undefined ? "-" : String(domain.codeLines),
    domain.components.join(" "),
    domain.devices.join(" ") || "-",
    String(domain.calls),
    failureText(domain.failure),
  ]);
  const head = ["domain", "isolation", "lines", "components", "devices", "calls", "when it fails"];
  const crossing = crossings.map((each) => `${each.interface}: ${each.client} -> ${each.server}`);
  return `${name}\n${table(head, rows)}\ncrossings: ${crossing.join(", ") || "none"}`;
}

/** Numbers of both, and how they differ. */
function differencesText(views: View[]): string {
  const figures: [string, (view: View) => number | undefined][] = [
    ["domains", ({ domains }) => domains.length],
    ["interfaces that cross", ({ crossings }) => crossings.length],
    ["system calls that cross", ({ crossingCalls }) => crossingCalls],
    [
      "lines whose failure ends the machine",
      ({ domains }) =>
        sum(
          domains.filter(({ failure }) => failure.ends === "machine").map((each) => each.codeLines),
        ),
    ],
    [
      "most lines in a domain",
      ({ domains }) => Math.max(...domains.map((each) => each.codeLines ?? NaN)),
    ],
    [
      "devices whose driver ends the machine",
      ({ domains }) =>
        domains.filter(({ failure }) => failure.ends === "machine")
          .reduce((count, { devices }) => count + devices.length, 0),
    ],
  ];
  const rows = figures.map(([title, of]) => {
    const [first, second] = views.map(of);
    const known = first !== undefined && second !== undefined && !isNaN(first) && !isNaN(second);
    if (!known) return [title, "-", "-", ""];
    const change = second - first;
    return [title, String(first), String(second), change > 0 ? `+${change}` : String(change)];
  });
  return table(["", ...views.map(({ name }) => name), "change"], rows);
}

function sum(numbers: (number | undefined)[]): number | undefined {
  return numbers.reduce(
    (all, each) => all === undefined || each === undefined ? undefined : all + each,
    0,
  );
}

/** Boots both in turns, so that what else the host does falls on both. */
async function measure(
  plans: [Plan, Plan],
  views: View[],
  runs: number,
  options: Shared,
): Promise<Measured[]> {
  // Nobody else pays for loading the runtime.
  const { boot } = await import("../../runtime/boot.ts");
  const status = new StatusLine(!options.json);
  const fail = (name: string, reason: string): never => {
    status.note(`compose: ${name}: ${reason}`);
    Deno.exit(Exit.FAILED);
  };
  const times = plans.map(() => new Map<string, number[]>());
  for (let run = 0; run < runs; run++) {
    for (const [index, each] of plans.entries()) {
      const { name: system } = views[index];
      status.show(`boot ${run * 2 + index + 1} of ${runs * 2}: ${system}`);
      const { programs } = await boot(each, {
        onEvent: (event) => event.kind === "image-progress" && status.image(event),
      }).then((machine) => machine.wait()).catch((failure) => fail(system, failure.message));
      for (const { name, status: code, seconds } of programs) {
        if (code !== 0) fail(system, `"${name}" ended with ${code}, so there is no time of it`);
        const known = times[index].get(name);
        if (known === undefined) times[index].set(name, [seconds]);
        else known.push(seconds);
      }
    }
  }
  status.clear();
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  return [...times[0]].filter(([name]) => times[1].has(name)).map(([program, first]) => ({
    program,
    seconds: [median(first), median(times[1].get(program)!)],
  }));
}

function measuredText(measured: Measured[], views: View[]): string {
  const rows = measured.map(({ program, seconds: [first, second] }) => [
    program,
    `${first.toFixed(2)} s`,
    `${second.toFixed(2)} s`,
    `${(second / first).toFixed(2)} times`,
  ]);
  return table(["program", ...views.map(({ name }) => name), "change"], rows);
}
