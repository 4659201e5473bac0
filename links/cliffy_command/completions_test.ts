import { assertEquals, assertStringIncludes } from "@std/assert";
import { Command } from "@cliffy/command";
import { CompletionsCommand } from "@cliffy/command/completions";
import { captureOutput } from "./captured_output.ts";

const script = (...words: string[]) =>
  captureOutput(() =>
    new Command().name("tool").throwErrors()
      .globalOption("--json", "as JSON")
      .command(
        "make",
        new Command().description("Make it; don't ask.").option("-d, --depth", "deep"),
      )
      .globalComplete("thing", () => ["nut", "bolt"])
      .command("take", new Command().arguments("<thing:string:thing> [more...:string:thing]"))
      .command("mend", new Command().description("Mend it."))
      .command("completions", new CompletionsCommand())
      .parse(["completions", ...words])
  );

/** What bash makes of a command line that ends in its last word. */
async function completed(...words: string[]): Promise<string[]> {
  const typed = words.map((word) => `'${word}'`).join(" ");
  const { stdout } = await new Deno.Command("bash", {
    args: [
      "--norc",
      "-c",
      `tool() { [ "$*" = "completions complete thing" ] && printf 'nut\\nbolt\\n'; }
${await script("bash")}
COMP_WORDS=(${typed}) COMP_CWORD=${words.length - 1}
_tool
printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").filter((word) => word !== "");
}

Deno.test("bash completes commands first, then what the command has", async () => {
  assertEquals(await completed("tool", ""), [
    "make",
    "take",
    "mend",
    "completions",
  ]);
  assertEquals(await completed("tool", "ma"), ["make"]);
  assertEquals(await completed("tool", "--"), ["--help"]);
  assertEquals(await completed("tool", "make", "-"), ["--depth", "--json", "--help"]);
  assertEquals(await completed("tool", "mend", "--d"), []);
  assertEquals(await completed("tool", "completions", ""), ["bash", "zsh", "fish"]);
});

Deno.test("bash asks the program for what can stand for an argument", async () => {
  assertEquals(await completed("tool", "take", ""), ["nut", "bolt"]);
  assertEquals(await completed("tool", "take", "nut", "b"), ["bolt"]);
  assertEquals(await script("complete", "thing"), "nut\nbolt\n");
  assertEquals(await script("complete", "nothing"), "");
  const fish = await script("fish");
  assertStringIncludes(fish, "_from take' -a '(tool completions complete thing 2>/dev/null)'");
});

Deno.test("where a file may follow, bash is left to complete its name", async () => {
  assertEquals(await completed("tool", "make", ""), []);
  assertStringIncludes(await script("bash"), "complete -o default -F _tool tool");
});

Deno.test("zsh uses the script of bash, fish has one of its own", async () => {
  assertEquals(
    await script("zsh"),
    `autoload -U +X bashcompinit && bashcompinit\n${await script("bash")}`,
  );
  const lines = (await script("fish")).trim().split("\n");
  assertEquals(lines.filter((line) => /(-a make|_from make)/.test(line)), [
    "complete -c tool -f -n __fish_use_subcommand -a make -d 'Make it; dont ask.'",
    "complete -c tool -n '__fish_seen_subcommand_from make' -l depth",
    "complete -c tool -n '__fish_seen_subcommand_from make' -l json",
    "complete -c tool -n '__fish_seen_subcommand_from make' -l help",
  ]);
  assertStringIncludes(lines.join("\n"), "-a 'bash zsh fish'");
});
