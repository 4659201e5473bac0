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

/** @throws ValidationError */
export function readProgramOptions(
  words: string[],
  { env, cwd, user }: ProgramOptions,
): { env: Record<string, string>; cwd: string; uid: number; gid: number } {
  if (words.length === 0) throw new ValidationError("Say which program to run, after --");
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
