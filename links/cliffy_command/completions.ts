// Stand-in for @cliffy/command/completions: scripts that complete commands and options.
import { Command } from "./mod.ts";

export class CompletionsCommand extends Command {
  constructor() {
    super();
    this.description("Generate shell completions.");
    for (const shell of ["bash", "zsh", "fish"] as const) {
      this.command(
        shell,
        new Command().description(`Generate shell completions for ${shell}.`).action(() =>
          console.log(this.#script(shell))
        ),
      );
    }
  }

  #script(shell: "bash" | "zsh" | "fish"): string {
    const root = this._inner.parent!;
    const name = root.name();
    const commands = root.commands.map((command) => ({
      name: command.name(),
      summary: command.description().split("\n")[0].replaceAll("'", ""),
      options: command.options.map((option) => option.long!),
    }));
    if (shell === "fish") {
      return commands.flatMap((command) => [
        `complete -c ${name} -n __fish_use_subcommand -a ${command.name} -d '${command.summary}'`,
        ...command.options.map((option) =>
          `complete -c ${name} -n '__fish_seen_subcommand_from ${command.name}' -l ${
            option.slice(2)
          }`
        ),
      ]).join("\n");
    }
    const cases = commands.map((command) =>
      `    ${command.name}) words="${command.options.join(" ")}" ;;`
    ).join("\n");
    return `${shell === "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : ""}_${name}() {
  local words="${commands.map((command) => command.name).join(" ")}"
  case "\${COMP_WORDS[1]}" in
${cases}
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${commands.map((command) => command.name).join(" ")}"
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}`;
  }
}
