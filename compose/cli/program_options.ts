// What `compose run` and `compose exec` are told about a program besides its words.
import { type Command, ValidationError } from "@cliffy/command";
import { limits } from "../../schemas/limits.ts";

export interface ProgramOptions {
  env?: string[];
  cwd?: string;
  user?: string;
}

/** Gives a command these options. */
export function withProgramOptions(command: Command): Command {
  return command
    .option("--env <assignment:string>", "NAME=VALUE for its environment", { collect: true })
    .option("--cwd <path:string>", "directory that it begins in", { default: "/" })
    .option("--user <ids:string>", "numbers of its user and, after a colon, its group", {
      default: "0:0",
    });
}

/**
 * The program and its arguments, which are behind `--`: what is before it may be options of the command.
 *
 * @param begun the command as far as it was right
 * @param undelimited what else is before `--`
 * @throws ValidationError
 */
export function programWords(begun: string, words: string[], undelimited: string[]): string[] {
  if (words.length + undelimited.length === 0) {
    throw new ValidationError(`Say which program to run: ${begun} -- PROGRAM`);
  }
  if (undelimited.length > 0) {
    const meant = [...undelimited, ...words].join(" ");
    throw new ValidationError(`Programs are said behind --: ${begun} -- ${meant}`);
  }
  return words;
}

/** @throws ValidationError */
export function readProgramOptions(
  { env, cwd, user }: ProgramOptions,
): { env: Record<string, string>; cwd: string; uid: number; gid: number } {
  const ids = /^(\d+)(?::(\d+))?$/.exec(user ?? "0");
  if (ids === null || ids.slice(1).some((id) => Number(id ?? 0) > limits.id.max)) {
    throw new ValidationError(`Say users and groups by their numbers, not "${user}"`);
  }
  return {
    env: Object.fromEntries((env ?? []).map(assignment)),
    cwd: cwd ?? "/",
    uid: Number(ids[1]),
    gid: Number(ids[2] ?? ids[1]),
  };
}

function assignment(text: string): [name: string, value: string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new ValidationError(`Say --env NAME=VALUE, not "${text}"`);
  return [name, value];
}
