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

Deno.test("names that no option has are positional arguments, as numbers where they are", () => {
  assertEquals(parseArgs(["null_call", "7", "--quick"], { boolean: ["quick", "json"] }), {
    _: ["null_call", 7],
    quick: true,
    json: false,
  });
});

Deno.test("a flag takes no value, so that what follows it stays", () => {
  assertEquals(parseArgs(["--json", "file"], { boolean: "json" })._, ["file"]);
  assertEquals(parseArgs(["--out", "file"], {}).out, "file");
});

Deno.test("what stands behind -- is left alone", () => {
  const args = parseArgs(["a", "--", "--json"], { boolean: ["json"], "--": true });
  assertEquals([args._, args.json, args["--"]], [["a"], false, ["--json"]]);
  assertEquals(parseArgs(["a", "--", "--json"], { boolean: ["json"] })._, ["a", "--json"]);
});

Deno.test("stopEarly leaves what follows the first positional argument", () => {
  const args = parseArgs(["run", "--json"], { boolean: ["json"], stopEarly: true });
  assertEquals([args._, args.json], [["run", "--json"], false]);
});

Deno.test("a collected argument that is not given is an empty list", () => {
  assertEquals(parseArgs([], { string: "set", collect: "set" }).set, []);
});
