// Stand-in for @cliffy/command 1.2.1: the commands, options and errors this project uses, over the npm
// package `commander`.
import { Argument, Command as Commander, CommanderError, Option } from "commander";

/** What went wrong with the arguments; thrown where `throwErrors` was asked for. */
export class ValidationError extends Error {
  readonly exitCode: number;
  constructor(message: string, { exitCode }: { exitCode?: number } = {}) {
    super(message);
    this.name = "ValidationError";
    this.exitCode = exitCode ?? 2;
  }
}

// deno-lint-ignore no-explicit-any
type Action = (options: any, ...args: any[]) => unknown;

interface OptionSettings {
  default?: unknown;
  required?: boolean;
  /** it may be given several times, and is a list */
  collect?: boolean;
}

/** Used by the completions of this package: what they have to know of a command. */
export interface _Completed {
  /** kind of its arguments, as in `"<system:string:kind>"` */
  kind?: string;
  /** what can stand for an argument of a kind */
  values: Map<string, Complete>;
}
type Complete = () => string[] | Promise<string[]>;

/** Used by the completions of this package. */
export const _completed = new WeakMap<Commander, _Completed>();

/** A command that has nothing but commands has shown its help. */
const HELP = "commander.help";

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** A command with its options, arguments and commands. */
export class Command {
  /** Used by the completions of this package. */
  readonly _inner: Commander = new Commander().exitOverride().helpCommand(false).configureOutput({
    outputError: () => {},
  });
  #throws = false;
  #examples: [string, string][] = [];

  constructor() {
    _completed.set(this._inner, { values: new Map() });
    // Lists of commands have their arguments, and the first line of each description.
    this._inner.configureHelp({
      subcommandTerm: (each) =>
        [each.name(), ...each.registeredArguments.map(argumentText)].join(" "),
      subcommandDescription: (each) => each.description().split("\n")[0],
    });
    this._inner.addHelpText("after", () => this.#examplesText().trimEnd());
  }

  name(name: string): this {
    this._inner.name(name);
    return this;
  }

  version(version: string): this {
    this._inner.version(version, "-V, --version", "Show the version number for this program.");
    return this;
  }

  description(description: string): this {
    this._inner.description(description);
    return this;
  }

  /** What follows its name in its help, in place of its options and arguments. */
  usage(usage: string): this {
    this._inner.usage(usage);
    return this;
  }

  /** @param flags as in `"-f, --format <format:string>"` */
  option(
    flags: string,
    description: string,
    settings: OptionSettings = {},
  ): this {
    this._inner.addOption(this.#option(flags, description, settings));
    return this;
  }

  /** An option of this command and of all below it. */
  globalOption(flags: string, description: string): this {
    this.#global.push([flags, description]);
    this._inner.addOption(this.#option(flags, description, {}));
    return this;
  }
  #global: [string, string][] = [];

  #option(
    flags: string,
    description: string,
    settings: OptionSettings,
  ): Option {
    const numeric = /:(number|integer)>/.test(flags);
    const option = new Option(flags.replace(/:\w+(\[\])?(?=[>\]])/g, ""), description);
    if (numeric) {
      option.argParser((value) => {
        if (!Number.isFinite(Number(value))) {
          throw new ValidationError(
            `Option "${option.long}" must be of type "number", but got "${value}".`,
          );
        }
        return Number(value);
      });
    }
    if (settings.collect) {
      option.argParser((value, earlier: unknown) => [...(earlier as string[] ?? []), value]);
    }
    if (settings.default !== undefined) option.default(settings.default);
    if (settings.required) option.makeOptionMandatory();
    return option;
  }

  /** What shells offer for arguments of a kind, here and in all commands below. */
  globalComplete(kind: string, values: Complete): this {
    _completed.get(this._inner)!.values.set(kind, values);
    return this;
  }

  /** @param args as in `"<file:string> [more...:string:kind]"` */
  arguments(args: string): this {
    const kind = /:\w+:(\w+)/.exec(args)?.[1];
    if (kind !== undefined) _completed.get(this._inner)!.kind = kind;
    for (const [part] of args.matchAll(/<[^>]+>|\[[^\]]+\]/g)) {
      this._inner.addArgument(new Argument(part.replace(/(:\w+)+/, "")));
    }
    return this;
  }

  /** An example for the help: what it is about, and the command line. */
  example(name: string, text: string): this {
    this.#examples.push([name, text]);
    return this;
  }

  #examplesText(): string {
    if (this.#examples.length === 0) return "";
    return `\nExamples:\n${
      this.#examples.map(([name, text]) => `  ${name}:\n    ${text}\n`).join("")
    }`;
  }

  command(name: string, command: Command): this {
    this._inner.addCommand(command._inner.name(name));
    for (const [flags, description] of this.#global) command.globalOption(flags, description);
    return this;
  }

  action(action: Action): this {
    this._inner.action(async (...all: unknown[]) => {
      // The last two are commander's own; an argument that repeats is a list there, and not here.
      const given = all.slice(0, -2).flat();
      await action(this._inner.optsWithGlobals(), ...given);
    });
    return this;
  }

  /** `parse` throws a {@link ValidationError} instead of ending the process. */
  throwErrors(): this {
    this.#throws = true;
    return this;
  }

  showHelp(): void {
    this._inner.outputHelp();
  }

  getHelp(): string {
    return this._inner.helpInformation() + this.#examplesText();
  }

  /** Runs the action of the command that the arguments name. */
  async parse(args: string[] = Deno.args): Promise<unknown> {
    try {
      return await this._inner.parseAsync(args, { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError) && !(error instanceof ValidationError)) throw error;
      if (error instanceof CommanderError && (error.exitCode === 0 || error.code === HELP)) {
        return Deno.exit(0);
      }
      const problem = error instanceof ValidationError
        ? error
        : new ValidationError(error.message.replace(/^error: /, ""));
      if (this.#throws) throw problem;
      console.error(`error: ${problem.message}`);
      Deno.exit(problem.exitCode);
    }
  }
}
