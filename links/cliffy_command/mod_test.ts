import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Command, ValidationError } from "@cliffy/command";

function sample(seen: unknown[]): Command {
  return new Command().name("tool").throwErrors().globalOption("--json", "as JSON").command(
    "make",
    new Command().description("Make it.").arguments("<file:string> [rest...:string]")
      .option("-d, --depth <depth:number>", "how deep", { default: 1 })
      .option("--tag <tag:string>", "a word about it", { collect: true })
      .action((options, ...args) => void seen.push(options, args)),
  );
}

Deno.test("options and arguments reach the action", async () => {
  const seen: unknown[] = [];
  await sample(seen).parse(["make", "a", "-d", "3", "--json"]);
  assertEquals(seen[0], { depth: 3, json: true });
  assertEquals((seen[1] as unknown[])[0], "a");
});

Deno.test("an option that may repeat is a list", async () => {
  const seen: unknown[] = [];
  await sample(seen).parse(["make", "--tag", "x=1", "a", "--tag", "y"]);
  assertEquals(seen[0], { depth: 1, tag: ["x=1", "y"] });
});

Deno.test("wrong arguments are a ValidationError", async () => {
  await assertRejects(() => sample([]).parse(["make"]), ValidationError);
  await assertRejects(() => sample([]).parse(["make", "a", "--depht", "3"]), ValidationError);
  await assertRejects(
    () => sample([]).parse(["make", "a", "--depth", "x"]),
    ValidationError,
    "number",
  );
  assertStringIncludes(sample([]).getHelp(), "make");
});

Deno.test("arguments that may repeat follow the others, and what is left out is its default", async () => {
  const seen: unknown[] = [];
  await sample(seen).parse(["make", "a", "b", "c"]);
  assertEquals(seen, [{ depth: 1 }, ["a", "b", "c"]]);
});

Deno.test("a ValidationError says what was wrong, and leaves with 2 unless told", async () => {
  const message = async (...args: string[]) =>
    (await assertRejects(() => sample([]).parse(args), ValidationError)).message;
  assertStringIncludes(await message("make"), "file");
  assertStringIncludes(await message("mkae"), "mkae");
  assertStringIncludes(await message("make", "a", "--depht", "3"), "--depht");
  assertStringIncludes(await message("make", "a", "--depth", "x"), '"x"');
  assertEquals(new ValidationError("no").exitCode, 2);
  assertEquals(new ValidationError("no", { exitCode: 3 }).exitCode, 3);
});

Deno.test("what an action throws comes through as it is", async () => {
  const command = new Command().throwErrors().action(() => {
    throw new RangeError("mine");
  });
  await assertRejects(() => command.parse([]), RangeError, "mine");
});

Deno.test("an option that must be given is missed", async () => {
  const command = new Command().throwErrors().option("--name <name:string>", "a name", {
    required: true,
  }).action(() => {});
  await assertRejects(() => command.parse([]), ValidationError, "--name");
});
