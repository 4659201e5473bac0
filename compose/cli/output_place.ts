// Places of the host that a command is to write to at its end: tried at its beginning, so that nothing is done in
// vain.
import { ValidationError } from "@cliffy/command";
import { resolvePath } from "../source/load.ts";

/**
 * A file that can be written.
 *
 * @param what is to be written there
 * @returns its absolute path
 * @throws ValidationError
 */
export function writableFile(path: string, what: string): string {
  const absolute = resolvePath(`${Deno.cwd()}/`, path);
  orRefuse(path, what, () => {
    const there = exists(absolute);
    Deno.openSync(absolute, { append: true, create: true }).close();
    // Whoever is interrupted leaves nothing empty behind.
    if (!there) Deno.removeSync(absolute);
  });
  return absolute;
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

/** A folder that is there from now on. @throws ValidationError where it cannot be made */
export function makeFolder(path: string, what: string): void {
  orRefuse(path, what, () => Deno.mkdirSync(path, { recursive: true }));
}

function orRefuse(path: string, what: string, make: () => void): void {
  try {
    make();
  } catch (failure) {
    const [reason] = (failure as Error).message.split(/ \(os error|, run again/);
    throw new ValidationError(`Cannot write ${what} to ${path}: ${reason}`);
  }
}
