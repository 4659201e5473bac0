import { assertEquals, assertStringIncludes } from "@std/assert";
import { Command } from "@cliffy/command";
import { HelpCommand } from "@cliffy/command/help";
import { captureOutput } from "./captured_output.ts";

const tool = () =>
  new Command().name("tool").version("1.2.3").description("Makes things.").throwErrors()
    .globalOption("--json", "as JSON")
    .example("Make", "tool make a")
    .command(
      "make",
      new Command().description("Make it.\nTwice, if need be.").arguments("<file:string>")
        .option("-d, --depth <depth:number>", "how deep", { default: 1 })
        .example("Flat", "tool make a")
        .example("Deep", "tool make a -d 3"),
    )
    .command("help", new HelpCommand());

const help = (...args: string[]) => captureOutput(() => tool().parse(["help", ...args]));

Deno.test("help of a command: use, description, options with defaults, examples", async () => {
  assertEquals(
    await help("make"),
    `Usage: tool make [options] <file>

Make it.
Twice, if need be.

Options:
  -d, --depth <depth>  how deep (default: 1)
  --json               as JSON
  -h, --help           display help for command

Examples:
  Flat:
    tool make a
  Deep:
    tool make a -d 3
`,
  );
});

Deno.test("help of the whole lists its commands; so does that of a command there is not", async () => {
  const whole = await help();
  for (
    const part of [
      "Usage: tool",
      "Makes things.",
      "--version",
      "make <file>     Make it.\n",
      "tool make a",
    ]
  ) assertStringIncludes(whole, part);
  assertEquals(whole.includes("Twice"), false);
  assertEquals(await help("mkae"), whole);
});

Deno.test("help says how a command is used, where it is told", async () => {
  const command = new Command().name("tool").usage("[options] <file> -- <program>");
  assertStringIncludes(
    await captureOutput(() => command.showHelp()),
    "Usage: tool [options] <file> -- <program>\n",
  );
});

Deno.test("getHelp and showHelp say the same", async () => {
  assertEquals(await captureOutput(() => tool().showHelp()), tool().getHelp());
});
