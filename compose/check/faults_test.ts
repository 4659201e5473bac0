// One manifest a fault, each with the exact message beside it. `UPDATE=1` writes the messages anew.
import { assert, assertEquals } from "@std/assert";
import { compileExperiment } from "../experiment/compile.ts";
import { loadExperiment } from "../experiment/load.ts";
import { compile, explanations, load, render } from "../mod.ts";
import type { FileKind } from "../source/load.ts";

const folder = new URL("faults/", import.meta.url);
const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).filter((name) =>
  /^[EW]\d{4}_.*\.yaml$/.test(name)
).sort();
const calls = [{ number: 56, name: "openat", group: "files" }, {
  number: 198,
  name: "socket",
  group: "sockets",
}];
const reader = {
  read: (path: string) => Deno.readTextFile(new URL(path, folder)),
  exists: (path: string) => Promise.resolve(/present\.(ts|img)$/.test(path)),
  kind: (path: string): Promise<FileKind> =>
    Promise.resolve(path.startsWith("unreadable") ? "unreadable" : "file"),
};

for (const name of names) {
  Deno.test(`fault ${name}`, async () => {
    const { diagnostics, plan } = name.startsWith("E11")
      ? await compileExperiment(await loadExperiment(name, reader), reader, calls)
      : compile(await load(name, reader), calls);
    // An error may not come without a warning: a mixture of mechanisms has a worker in it.
    const codes = diagnostics.map((one) => one.code).filter((code) => code[0] === name[0]);
    assertEquals(
      [...new Set(codes)],
      [name.slice(0, 5)],
      diagnostics.map((one) => render(one)).join("\n"),
    );
    assertEquals(plan === undefined, name.startsWith("E"));
    const text = diagnostics.map((one) => render(one)).join("\n\n") + "\n";
    const golden = new URL(name.replace(/yaml$/, "txt"), folder);
    if (Deno.env.get("UPDATE") === "1") Deno.writeTextFileSync(golden, text);
    assertEquals(text, Deno.readTextFileSync(golden));
  });
}

Deno.test("every code has a fault, a text, and a place in the source", async () => {
  const used = new Set<string>();
  const walk = async (at: URL): Promise<void> => {
    for await (const entry of Deno.readDir(at)) {
      if (entry.isDirectory) await walk(new URL(`${entry.name}/`, at));
      else if (
        entry.name.endsWith(".ts") && !entry.name.endsWith("_test.ts") &&
        entry.name !== "explanations.ts"
      ) {
        const text = await Deno.readTextFile(new URL(entry.name, at));
        for (const [, code] of text.matchAll(/"([EW]\d{4})"/g)) used.add(code);
      }
    }
  };
  await walk(new URL("../", import.meta.url));
  const sorted = [...used].sort();
  assert(sorted.length >= 25);
  assertEquals(Object.keys(explanations).sort(), sorted);
  assertEquals([...new Set(names.map((name) => name.slice(0, 5)))], sorted);
});
