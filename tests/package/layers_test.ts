// Imports point downward only, the two halves meet in schemas/, kernel code does not touch the host.
import { assertEquals } from "@std/assert";

const root = new URL("../../", import.meta.url);
const order = ["hardware", "hypervisor", "kernel", "user"];

function* sources(folder: string): Generator<{ path: string; text: string }> {
  for (const entry of Deno.readDirSync(new URL(folder, root))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (entry.name.endsWith(".ts") && !entry.name.endsWith("_test.ts")) {
      yield { path, text: Deno.readTextFileSync(new URL(path, root)) };
    }
  }
}

function imports(path: string, text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, target]) =>
    target.startsWith(".")
      ? new URL(target, new URL(path, root)).href.slice(root.href.length)
      : target
  );
}

Deno.test("imports of the runtime point downward", () => {
  const wrong: string[] = [];
  for (const { path, text } of sources("runtime")) {
    const own = order.indexOf(path.split("/")[1]);
    for (const target of imports(path, text)) {
      const other = target.startsWith("runtime/") ? order.indexOf(target.split("/")[1]) : -1;
      if (target.startsWith("compose/") || own >= 0 && other > own) {
        wrong.push(`${path} imports ${target}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("the compiler knows the runtime through schemas alone, but for its commands", () => {
  const wrong: string[] = [];
  for (const folder of ["compose", "schemas"]) {
    for (const { path, text } of sources(folder)) {
      if (path.startsWith("compose/cli/")) continue;
      for (const target of imports(path, text)) {
        if (
          target.startsWith("runtime/") || folder === "schemas" && target.startsWith("compose/")
        ) wrong.push(`${path} imports ${target}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("kernel code imports nothing by name and does not touch the host", () => {
  const wrong: string[] = [];
  for (const { path, text } of sources("runtime/kernel")) {
    for (const target of imports(path, text)) {
      if (!/^(runtime|schemas)\//.test(target)) wrong.push(`${path} imports ${target}`);
    }
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    const host = /\bDeno\.|\bMath\.random\b|\bDate\b|\bsetTimeout\b|\bPromise\b|\basync\b/.exec(
      code,
    );
    if (host) wrong.push(`${path} uses ${host[0]}`);
  }
  assertEquals(wrong, []);
});
