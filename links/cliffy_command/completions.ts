// Stand-in for @cliffy/command/completions: scripts that complete commands and options. Where neither
// fits, the shell completes names of files.
import { Command } from "./mod.ts";

/** What can follow one command. */
interface Completed {
  name: string;
  summary: string;
  /** commands below it */
  names: string[];
  options: string[];
}

/** `completions bash`, `completions zsh`, `completions fish`. */
export class CompletionsCommand extends Command {
  constructor() {
    super();
    this.description("Generate shell completions.");
    for (const shell of ["bash", "zsh", "fish"] as const) {
      this.command(
        shell,
        new Command().description(`Generate shell completions for ${shell}.`).action(() => {
          const root = this._inner.parent!;
          const commands = root.commands.map((command): Completed => ({
            name: command.name(),
            summary: command.description().split("\n")[0].replaceAll("'", ""),
            names: command.commands.map((below) => below.name()),
            options: [...command.options.map((option) => option.long!), "--help"],
          }));
          console.log(
            shell === "fish"
              ? fishScript(root.name(), commands)
              : shell === "zsh"
              ? `autoload -U +X bashcompinit && bashcompinit\n${bashScript(root.name(), commands)}`
              : bashScript(root.name(), commands),
          );
        }),
      );
    }
  }
}

function fishScript(program: string, commands: Completed[]): string {
  return commands.flatMap(({ name, summary, names, options }) => {
    const after = `complete -c ${program} -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c ${program} -f -n __fish_use_subcommand -a ${name} -d '${summary}'`,
      ...names.length > 0 ? [`${after} -f -a '${names.join(" ")}'`] : [],
      ...options.map((option) => `${after} -l ${option.slice(2)}`),
    ];
  }).join("\n");
}

function bashScript(program: string, commands: Completed[]): string {
  const cases = commands.map(({ name, names, options }) =>
    `    ${name}) names="${names.join(" ")}" options="${options.join(" ")}" ;;`
  );
  return `_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" names options
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    names="${commands.map(({ name }) => name).join(" ")}" options="--help"
  fi
  case "$current" in -*) names="$options" ;; esac
  COMPREPLY=($(compgen -W "$names" -- "$current"))
}
complete -o default -F _${program} ${program}`;
}
