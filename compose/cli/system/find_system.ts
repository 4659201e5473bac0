// The system that somebody means: by its name, or by the path of its manifest.
import { suggest } from "../../diagnostic/suggest.ts";
import { resolvePath } from "../../source/load.ts";
import { Exit } from "../input.ts";
import { listSystems, type SystemEntry } from "./system_folder.ts";

/** @returns undefined where there is none */
function lookForSystem(given: string): SystemEntry | undefined {
  const systems = listSystems();
  const path = resolvePath(`${Deno.cwd()}/`, given);
  return systems.find(({ name }) => name === given) ?? systems.find(({ file }) => file === path);
}

/**
 * Says that there is no such system, and ends the command.
 * @param status of the command then
 */
export function findSystem(given: string, status: number = Exit.FAILED): SystemEntry {
  const found = lookForSystem(given);
  if (found !== undefined) return found;
  const names = listSystems().map(({ name }) => name);
  const hint = names.length === 0 ? "none is" : suggest(given, names) ?? "`compose ps` lists them";
  console.error(`compose: no system "${given}" is running: ${hint}`);
  Deno.exit(status);
}

/** One that has not ended. */
export function findRunning(given: string, status: number = Exit.FAILED): SystemEntry {
  const found = findSystem(given, status);
  if (found.end === undefined) return found;
  console.error(`compose: system "${found.name}" ended with ${found.end.status}`);
  Deno.exit(status);
}
