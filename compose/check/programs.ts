// Programs exist, and somebody serves the system calls they say they use.
import { limits } from "../../schemas/limits.ts";
import { suggest } from "../diagnostic/suggest.ts";
import { isHostFile, pathAt } from "../source/load.ts";
import type { Rule } from "./context.ts";

export const checkPrograms: Rule = (
  { system, root, existing, kinds, calls, placement, report, at, key },
) => {
  const served = new Set(placement.instances.map((instance) => instance.described.serves));
  let reader: string | undefined;
  for (const [name, program] of Object.entries(system.programs)) {
    const path = ["programs", name, "run"];
    if (isHostFile(program.run)) {
      const file = pathAt(root, path, program.run), kind = kinds.get(file);
      const wrong = !existing.has(file)
        ? "does not exist"
        : kind === "folder"
        ? "is a folder"
        : kind === "unreadable"
        ? "cannot be read"
        : isModule(file)
        ? undefined
        : "is no module";
      if (wrong !== undefined) {
        report({
          code: "E0801",
          message: `program "${program.run}" ${wrong}`,
          span: at(...path),
          hint: kind === "folder" || isModule(file)
            ? "a module of the host is a file such as program.ts"
            : `a program of the machine has an absolute path, such as "/usr/bin/${
              program.run.split("/").at(-1)
            }"`,
        });
      }
    }
    if (program.run.startsWith("/")) {
      const [first, ...rest] = program.run.split(/\s+/);
      if (rest.length > 0) {
        report({
          code: "W0801",
          message: `the path of program "${name}" has blanks in it`,
          span: at(...path),
          hint: `arguments are given apart: run: ${first}, args: [${rest.join(", ")}]`,
        });
      }
      if (isModule(first)) {
        report({
          code: "W0802",
          message: `"${first}" is looked for in the machine`,
          span: at(...path),
          hint: `a module of the host is file://${first}, or relative to this file`,
        });
      }
    }
    if (program.stdin === "console") {
      if (reader !== undefined) {
        report({
          code: "E0804",
          message: `programs "${reader}" and "${name}" both read the console`,
          span: at("programs", name, "stdin"),
          label: "read here, too",
          related: [{ span: at("programs", reader, "stdin"), message: "first read here" }],
          hint: "stdin: none gives one of them an empty input",
        });
      }
      reader ??= name;
    }
    program.uses.forEach((call, index) => {
      const group = calls.get(call);
      if (group !== undefined && served.has(group)) return;
      report({
        code: "E0802",
        message: `nobody serves the system call "${call}", which program "${name}" uses`,
        span: at("programs", name, "uses", index),
        hint: group === undefined
          ? suggest(call, calls.keys())
          : `place a component that serves "${group}"`,
      });
    });
  }
  const counts = {
    programs: system.programs,
    domains: system.domains,
    devices: system.machine.devices,
  };
  for (const what of ["programs", "domains", "devices"] as const) {
    if (Object.keys(counts[what]).length <= limits[what].max) continue;
    const span = what === "devices" ? key("machine", "devices") : key(what);
    report({
      code: "E0803",
      message: `more than ${limits[what].max} ${what}`,
      span,
      hint: limits[what].reason,
    });
  }
};

function isModule(run: string): boolean {
  return /\.[mc]?[jt]s$/.test(run);
}
