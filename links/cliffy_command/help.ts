// Stand-in for @cliffy/command/help: `help [command]`.
import { Command } from "./mod.ts";

/** `help` shows what `--help` shows, and `help command` what `command --help` does. */
export class HelpCommand extends Command {
  constructor() {
    super();
    this.description("Show this help or the help of a sub-command.").arguments("[command:string]")
      .action((_options, name) => {
        const parent = this._inner.parent!;
        (parent.commands.find((command) => command.name() === name) ?? parent).outputHelp();
      });
  }
}
