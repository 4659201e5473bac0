// Manifests from the disk, compiled with the toolkit's own system-call table: what the command line and
// the library both do.
import { systemCalls } from "../schemas/syscalls.ts";
import { compile as compileWith } from "./compiler.ts";
import type { Diagnostic } from "./diagnostic/diagnostic.ts";
import type { CallGroup } from "./plan/plan.ts";
import { load as loadWith, type Loaded, type Reader, resolvePath } from "./source/load.ts";
import type { Plan } from "../schemas/plan.ts";

/** The calls that somebody serves: routes lead only to those. */
export const calls: readonly CallGroup[] = systemCalls.filter((call) => call.status !== "missing");

export const disk: Reader = {
  read: (path) => Deno.readTextFile(path),
  exists: async (path) => {
    try {
      await Deno.stat(path);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  },
  kind: async (path) => {
    const { isFile, isDirectory } = await Deno.stat(path);
    if (!isFile && !isDirectory) return "other";
    try {
      if (isFile) (await Deno.open(path)).close();
      else await Deno.readDir(path)[Symbol.asyncIterator]().next();
    } catch {
      return "unreadable";
    }
    return isFile ? "file" : "folder";
  },
};

/**
 * Loads a manifest and what it includes and extends.
 *
 * @param file path, relative to the working directory, or file URL
 * @throws Deno.errors.NotFound for a file that is not there
 *
 * @example What a manifest declares
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { load } from "@virtuos/toolkit";
 *
 * const { system, diagnostics } = await load("examples/quickstart.yaml");
 * assertEquals(diagnostics, []);
 * assertEquals(Object.keys(system!.domains), ["primary", "storage"]);
 * ```
 */
export function load(file: string | URL): Promise<Loaded> {
  const name = file instanceof URL ? decodeURIComponent(file.pathname) : file;
  return loadWith(resolvePath(`${Deno.cwd()}/`, name), disk);
}

/**
 * Checks a manifest and makes its plan.
 *
 * @returns all diagnostics; a plan where none of them is an error
 *
 * @example Which domain serves which
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { compile, load } from "@virtuos/toolkit";
 *
 * const { plan } = compile(await load("examples/quickstart.yaml"));
 * const [{ client, server, depth }] = plan!.rings;
 * assertEquals({ client, server, depth }, { client: "primary", server: "storage", depth: 64 });
 * ```
 *
 * @example What is wrong with a manifest
 * ```ts
 * import { assertEquals, assertStringIncludes } from "@std/assert";
 * import { compile, load, render } from "@virtuos/toolkit";
 *
 * const file = await Deno.makeTempFile({ suffix: ".yaml" });
 * await Deno.writeTextFile(file, "kind: Sytem\nname: web\ndomains: {}\n");
 * const { plan, diagnostics } = compile(await load(file));
 * assertEquals(plan, undefined);
 * assertStringIncludes(render(diagnostics[0]), 'cannot be "Sytem"');
 * ```
 */
export function compile(loaded: Loaded): { plan?: Plan; diagnostics: Diagnostic[] } {
  return compileWith(loaded, calls);
}
