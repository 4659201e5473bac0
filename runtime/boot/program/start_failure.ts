// Why a program could not be started, for whoever asked for it.
import { E, type Errno } from "../../kernel/errno.ts";

/** What execve(2) and chdir(2) say most often. */
const WORDS: Record<number, string> = {
  [E.ENOENT]: "no such file or directory",
  [E.ENOTDIR]: "not a directory",
  [E.EACCES]: "permission denied, or no file to execute",
  [E.ENOEXEC]: "not a program that the machine can execute",
  [E.EIO]: "input/output error",
  [E.ENOMEM]: "not enough memory",
};

/**
 * @param program as it was named
 * @param cwd where it was to begin: that may be what is missing
 */
export function startFailure(program: string, cwd: string, failure: Errno): string {
  const place = cwd === "/" ? "" : ` in ${cwd}`;
  const words = WORDS[failure.errno];
  return `cannot start ${program}${place}: ${
    words === undefined ? failure : `${words} (${failure})`
  }`;
}
