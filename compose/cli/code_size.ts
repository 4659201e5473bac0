// How much code a domain has to trust: the lines of all modules that its components are made of.
const kernel = new URL("../../runtime/kernel/", import.meta.url);

/** The modules that one imports for more than their types. */
function* importsOf(module: URL, text: string): Generator<URL> {
  const statements = /^(?:import|export)\s+(?!type\b)[^;]*?from\s+"(\.[^"]+)"/gm;
  for (const [, path] of text.matchAll(statements)) yield new URL(path, module);
}

function linesOf(text: string): number {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return code.split("\n").filter((line) => line.trim() !== "").length;
}

/** The module of each component, by its name in the catalogue. */
function componentModules(): Map<string, URL> {
  const list = new URL("components.ts", kernel);
  const text = Deno.readTextFileSync(list);
  const modules = new Map<string, URL>();
  for (const [, maker, path] of text.matchAll(/import \{ (\w+) \} from "(\.[^"]+)"/g)) {
    const [, name] = new RegExp(`"([^"]+)": ${maker},`).exec(text) ?? [];
    if (name !== undefined) modules.set(name, new URL(path, list));
  }
  return modules;
}

/**
 * Lines of code, without comments and empty ones, that components are made of.
 * @returns undefined where the package's own source is not a folder of the host
 */
export function codeLines(components: readonly string[]): number | undefined {
  if (kernel.protocol !== "file:") return undefined;
  const modules = componentModules();
  const queue = components.map((name) => modules.get(name)!);
  const seen = new Set(queue.map(({ href }) => href));
  let lines = 0;
  for (let module = queue.pop(); module !== undefined; module = queue.pop()) {
    const text = Deno.readTextFileSync(module);
    lines += linesOf(text);
    for (const imported of importsOf(module, text)) {
      if (seen.has(imported.href)) continue;
      seen.add(imported.href);
      queue.push(imported);
    }
  }
  return lines;
}
