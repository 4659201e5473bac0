// The manifest of kind `Experiment`: which systems run which workloads, what is varied, what is measured.
// Two of its fields are trees of other shapes and are taken out before decoding: `overrides` of a system (as in
// a manifest of kind System) and `quick` (as the experiment itself).
import { limits } from "./limits.ts";
import {
  anyValue,
  choice,
  defaulted,
  type Infer,
  list,
  map,
  named,
  namePattern,
  number,
  optional,
  pathPattern,
  record,
  required,
  text,
  variablePattern,
} from "./manifest_shape.ts";

const percentage = (description: string) =>
  text(description, {
    source: "^[0-9]+(\\.[0-9]+)?%$|^0?\\.[0-9]+$",
    meaning: "such as 95%, or 0.95",
    what: "share",
  });

const count = (description: string, min: number) =>
  number("integer", description, {
    min,
    max: 10_000,
    reason: "what is repeated more often shall be made longer",
  });

const chosen = (description: string) =>
  map(description, list("values of that parameter", anyValue("a value, or the name of a system")));

const figure = record("a figure of a run: exactly one of pattern and report", {
  title: optional(text("what it is; else its name")),
  pattern: optional(
    text("regular expression with a group of the figure's name; matches are averaged"),
  ),
  report: optional(text("place in the machine's report, such as recoveries.firstCallMs; averaged")),
  unit: required(text("what it is counted in")),
  better: required(choice("which way is better", ["higher", "lower"])),
});

const workload = record("a program that is run and measured", {
  title: optional(text("what it is; else its name")),
  on: defaulted(
    choice("where it runs: a command of the host uses ports that lead to what is `beside` it", [
      "machine",
      "host",
    ]),
    "machine",
  ),
  run: required(
    text(
      "a program of the machine by its absolute path, or a TypeScript module; a command of the host",
    ),
  ),
  args: defaulted(
    list("arguments; ${NAME} is the value of a parameter", text("an argument")),
    [],
  ),
  env: defaulted(map("environment; values as those of args", text("a value"), variablePattern), {}),
  cwd: defaulted(text("working directory", pathPattern), "/"),
  uid: defaulted(number("integer", "user id", limits.id), 0),
  gid: defaulted(number("integer", "group id", limits.id), 0),
  beside: defaulted(
    list(
      "programs of the system that run with it; it starts when they work",
      named("name of a program"),
    ),
    [],
  ),
  systems: optional(
    list("systems that it runs on; all unless told", named("name of a system")),
  ),
  timeout: defaulted(
    number("milliseconds", "a run that takes longer has failed", limits.startPeriodMs),
    "60s",
  ),
  figures: required(map("what is measured, by name", figure)),
});

/** The root shape; `extends`, `include`, `quick` and `overrides` are gone before decoding. */
export const experimentShape = record("an experiment: workloads over systems and parameters", {
  kind: required(choice("kind of manifest", ["Experiment"])),
  name: required(named("a name")),
  title: optional(text("a heading for its report; else its name")),
  description: optional(text("what it asks, and of whom: the report begins with it")),
  systems: required(map(
    "what is compared, by name",
    record("a system", {
      extends: required(text("path of its manifest, relative to the file that says it")),
      title: optional(text("what it is called in the report; else its name")),
    }, ["overrides"]),
    namePattern,
  )),
  parameters: defaulted(
    map(
      "what is varied, by name",
      record("a parameter", {
        title: optional(text("what it is; else its name")),
        values: required(list("values it has", anyValue("a value"))),
        set: defaulted(
          list(
            "fields of the systems that get the value",
            text("a field, such as domains.storage.ring.depth"),
          ),
          [],
        ),
      }),
    ),
    {},
  ),
  constraints: defaulted(
    list(
      "combinations that are left out",
      record("a constraint", {
        when: required(chosen("of these systems and values of parameters")),
        only: defaulted(chosen("those with these values are run; none unless told"), {}),
        because: optional(text("why: the report says it")),
      }),
    ),
    [],
  ),
  workloads: required(map("what is run, by name", workload, namePattern)),
  baseline: defaulted(
    map(
      "system and values of parameters that others are compared with; the rest is as theirs",
      anyValue("a value, or the name of a system"),
    ),
    {},
  ),
  repetitions: defaulted(count("runs of each combination that count", 1), 5),
  warmup: defaulted(count("runs of each combination before them that do not", 0), 0),
  seed: defaulted(number("integer", "the order of runs is drawn from it", limits.seed), 1),
  confidence: defaulted(percentage("of intervals"), "95%"),
  stop: optional(
    record("runs go on after `repetitions` until intervals are narrow", {
      width: defaulted(percentage("half an interval, as share of its mean"), "5%"),
      most: defaulted(count("runs of a combination at most", 1), 30),
    }),
  ),
  counters: defaulted(
    list(
      "what is kept of each domain's report, beside the figures",
      text("a field, such as roundTrips"),
    ),
    [],
  ),
}, ["extends", "include", "quick"]);

/** An experiment as written: units resolved, defaults filled in. */
export type Experiment = Infer<typeof experimentShape>;
