// Machines that do not come up for what their user gave them: one line says why, and no stack.
import { assertEquals } from "@std/assert";
import { composeCommand, withFolder } from "../fixtures/boot_harness.ts";
import { smallManifest } from "../fixtures/small_manifest.ts";

async function said(folder: string, manifest: string): Promise<string> {
  await Deno.writeTextFile(`${folder}/small.yaml`, manifest);
  const { code, stderr } = await composeCommand(folder, ["up", "small.yaml"]).output();
  assertEquals(code, 1);
  return new TextDecoder().decode(stderr).trimEnd().replaceAll(folder, "");
}

for (const [domain, storage] of [["primary", undefined], ["storage", "isolation: process"]]) {
  Deno.test(`a disk of domain ${domain} that holds something else`, () =>
    withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/disk.img`, new Uint8Array(8 << 20));
      assertEquals(
        await said(folder, smallManifest({ disk: "image: disk.img", storage })),
        `compose: Domain "${domain}" did not start: its disk holds no ext4 file system`,
      );
    }));
}

for (
  const [what, text, why] of [
    [
      "no default export",
      "export const other = 1;",
      'Cannot run program "it": /it.ts has no function as default export',
    ],
    [
      "an exception",
      'throw new Error("no such weather");',
      'Cannot load program "it": no such weather',
    ],
  ]
) {
  Deno.test(`a program whose module has ${what}`, () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/it.ts`, text);
      const disk = "image: disk.img, create: { format: ext4, size: 8MiB }";
      assertEquals(
        await said(folder, smallManifest({ disk, programs: "  it: { run: it.ts }" })),
        `compose: ${why}`,
      );
    }));
}
