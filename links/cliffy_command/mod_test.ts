import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Command, ValidationError } from "@cliffy/command";

function sample(seen: unknown[]): Command {
  return new Command().name("tool").throwErrors().globalOption("--json", "as JSON").command(
    "make",
    new Command().description("Make it.").arguments("<file:string> [rest...:string]")
      .option("-d, --depth <depth:number>", "how deep", { default: 1 })
      .action((options, ...args) => void seen.push(options, args)),
  );
}

Deno.test("options and arguments reach the action", async () => {
  const seen: unknown[] = [];
  await sample(seen).parse(["make", "a", "-d", "3", "--json"]);
  assertEquals(seen[0], { depth: 3, json: true });
  assertEquals((seen[1] as unknown[])[0], "a");
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
