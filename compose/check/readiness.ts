// Programs wait for others that exist, can get as far as is waited for, and do not wait for them.
import { suggest } from "../diagnostic/suggest.ts";
import { findCircle } from "./circle.ts";
import type { Context, Rule } from "./context.ts";

/** A call that programs with sockets make. */
const CONNECT = "connect";

export const checkReadiness: Rule = (context) => {
  const { system: { programs }, report, at, key } = context;
  const waits = new Map<string, Set<string>>();
  for (const [name, { depends_on, restart, stdin }] of Object.entries(programs)) {
    for (const [other, until] of Object.entries(depends_on)) {
      const place = ["programs", name, "depends_on", other];
      const depended = programs[other];
      if (depended === undefined) {
        report({
          code: "E0805",
          message: `program "${name}" waits for "${other}", which is no program`,
          span: key(...place),
          hint: suggest(other, Object.keys(programs).filter((each) => each !== name)),
        });
        continue;
      }
      waits.set(name, (waits.get(name) ?? new Set()).add(other));
      if (until === "healthy" && depended.health === undefined) {
        report({
          code: "E0807",
          message: `nothing says how to tell that "${other}" works, which "${name}" waits for`,
          span: at(...place),
          related: [{ span: key("programs", other), message: `"${other}" has no health` }],
          hint: "health: { run: /path/of/a/program } says it",
        });
      }
      if (until === "finished" && depended.restart === "always") {
        report({
          code: "E0808",
          message: `program "${name}" waits until "${other}" has finished, which it never has`,
          span: at(...place),
          related: [{
            span: at("programs", other, "restart"),
            message: `"${other}" is always started again`,
          }],
          hint: "restart: on-failure lets it finish",
        });
      }
    }
    if (restart !== "no" && stdin === "console") {
      report({
        code: "E0812",
        message: `program "${name}" reads the console, and is started again`,
        span: at("programs", name, "restart"),
        related: [{ span: at("programs", name, "stdin"), message: "it reads what the host reads" }],
        hint: "restart: no, or stdin: none",
      });
    }
    checkHealth(context, name);
  }
  const circle = findCircle(waits);
  if (circle !== undefined) {
    report({
      code: "E0806",
      message: `programs wait for each other in a circle: ${circle.join(" -> ")}`,
      span: key("programs", circle[0], "depends_on", circle[1]),
      hint: "one of them has to start first",
    });
  }
};

function checkHealth({ system, placement, calls, report, at, key }: Context, name: string): void {
  const { health } = system.programs[name], place = ["programs", name, "health"];
  if (health === undefined) return;
  const { run, connect } = health;
  if ((run === undefined) === (connect === undefined)) {
    report({
      code: "E0809",
      message: run === undefined
        ? `nothing says how to ask whether "${name}" works`
        : `two ways are given to ask whether "${name}" works`,
      span: run === undefined ? key(...place) : at(...place, "connect"),
      hint: "one of run and connect",
    });
  }
  if (run !== undefined && !run.startsWith("/")) {
    report({
      code: "E0810",
      message: `"${run}" is no path in the machine`,
      span: at(...place, "run"),
      hint: `a program of the machine has an absolute path, such as "/usr/bin/${
        run.split("/").at(-1)
      }"`,
    });
  }
  const group = calls.get(CONNECT);
  const served = group !== undefined &&
    placement.instances.some(({ described }) => described.serves === group);
  if (connect !== undefined && !served) {
    report({
      code: "E0811",
      message: `port ${connect} of the machine cannot be asked: nobody serves "${CONNECT}"`,
      span: at(...place, "connect"),
      hint: 'place a component that serves "sockets", or say health: { run: ... }',
    });
  }
}
