// Stand-in for @std/cli/parse-args: the options this project uses, over the npm package `minimist`.
import minimist from "minimist";

/** Which arguments are flags and which take a value. */
export interface ParseOptions {
  boolean?: string | readonly string[];
  string?: string | readonly string[];
  /** string arguments that may come several times, and are arrays */
  collect?: string | readonly string[];
  alias?: Record<string, string | readonly string[]>;
  default?: Record<string, unknown>;
  stopEarly?: boolean;
  "--"?: boolean;
}

/** Positional arguments in `_`, the others by name. */
export interface Args {
  _: (string | number)[];
  // deno-lint-ignore no-explicit-any
  [name: string]: any;
}

function list(names: string | readonly string[] | undefined): string[] {
  return names === undefined ? [] : typeof names === "string" ? [names] : [...names];
}

/** Reads arguments such as `["--depth=64", "--json", "file"]`. */
export function parseArgs(args: string[], options: ParseOptions = {}): Args {
  const result = minimist(args, {
    boolean: list(options.boolean),
    string: list(options.string),
    alias: Object.fromEntries(
      Object.entries(options.alias ?? {}).map(([name, other]) => [name, list(other)]),
    ),
    default: options.default,
    stopEarly: options.stopEarly,
    "--": options["--"],
  }) as Args;
  const collected = list(options.collect);
  for (const name of list(options.string)) {
    if (Array.isArray(result[name]) && !collected.includes(name)) {
      result[name] = result[name].at(-1);
    }
  }
  for (const name of collected) {
    if (!Array.isArray(result[name])) {
      result[name] = result[name] === undefined ? [] : [result[name]];
    }
  }
  return result;
}
