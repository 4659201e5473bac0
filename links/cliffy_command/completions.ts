// Stand-in for @cliffy/command/completions: scripts that complete commands and options. Where neither
// fits, the shell completes names of files.
import { _completed, Command } from "./mod.ts";

/** What can follow one command. */
interface Completed {
  name: string;
  summary: string;
  /** commands below it */
  names: string[];
  /** what prints what can stand for its arguments */
  values?: string;
  options: string[];
}

/**
 * `completions bash`, `completions zsh`, `completions fish`, and what their scripts ask:
 * `completions complete`.
 */
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
            names: command.commands.map((below) => below.name()).filter((name) => name !== ASKED),
            values: valuesCommand(root.name(), _completed.get(command)?.kind),
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
    this.command(
      ASKED,
      new Command().description("Print what can stand for an argument, for the scripts.")
        .arguments("<kind:string>")
        .action(async (_options: unknown, kind: string) => {
          const values = await _completed.get(this._inner.parent!)!.values.get(kind)?.();
          if (values !== undefined && values.length > 0) console.log(values.join("\n"));
        }),
    );
  }
}

/** The command that scripts ask for what changes from one time to the next. */
const ASKED = "complete";

function valuesCommand(program: string, kind: string | undefined): string | undefined {
  return kind === undefined ? undefined : `${program} completions ${ASKED} ${kind}`;
}

function fishScript(program: string, commands: Completed[]): string {
  return commands.flatMap(({ name, summary, names, values, options }) => {
    const after = `complete -c ${program} -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c ${program} -f -n __fish_use_subcommand -a ${name} -d '${summary}'`,
      ...names.length > 0 ? [`${after} -f -a '${names.join(" ")}'`] : [],
      ...values === undefined ? [] : [`${after} -a '(${values} 2>/dev/null)'`],
      ...options.map((option) => `${after} -l ${option.slice(2)}`),
    ];
  }).join("\n");
}

function bashScript(program: string, commands: Completed[]): string {
  const cases = commands.map(({ name, names, values, options }) => {
    const words = values === undefined ? names.join(" ") : `$(${values} 2>/dev/null)`;
    return `    ${name}) names="${words}" options="${options.join(" ")}" ;;`;
  });
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
