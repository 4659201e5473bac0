import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

Deno.test("flags, values, repeats, aliases and defaults", () => {
  const args = parseArgs(
    ["-n", "3", "--json", "--seed=7", "--set", "a=1", "--set", "b=2", "file"],
    {
      boolean: ["json", "quiet"],
      string: ["seed", "set"],
      collect: ["set"],
      alias: { n: "count" },
      default: { depth: 64 },
    },
  );
  assertEquals(args._, ["file"]);
  assertEquals([args.json, args.quiet, args.seed, args.count, args.depth], [
    true,
    false,
    "7",
    3,
    64,
  ]);
  assertEquals(args.set, ["a=1", "b=2"]);
});

Deno.test("a string given twice is the last one", () => {
  assertEquals(parseArgs(["--seed", "1", "--seed", "2"], { string: "seed" }).seed, "2");
});
