// Translated code in the cache: it comes back as it was kept, or not at all.
import { assert, assertEquals } from "@std/assert";
import { CodeFile } from "./code_file.ts";

const CODE = Uint8Array.from({ length: 1000 }, (_, index) => index * 7);

/** @param test gets the cache's folder, the file of an image there, and what was told */
function withCache(test: (folder: string, file: CodeFile, told: string[]) => void): void {
  const folder = Deno.makeTempDirSync();
  const told: string[] = [];
  try {
    test(folder, CodeFile.beside([`${folder}/images/abc.img`], (line) => told.push(line))!, told);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("code comes back as it was kept", () => {
  withCache((folder, file, told) => {
    assertEquals(file.read(), undefined);
    file.write(CODE);
    assertEquals(file.read(), CODE);
    assertEquals([...Deno.readDirSync(`${folder}/code`)].map(({ name }) => name), ["abc"]);
    assertEquals(told, []);
  });
});

Deno.test("code that is damaged is told of, and none", () => {
  withCache((folder, file, told) => {
    file.write(CODE);
    const path = `${folder}/code/abc`;
    const whole = Deno.readFileSync(path);
    const changed = whole.slice();
    changed[500] ^= 1;
    for (const bytes of [changed, whole.subarray(0, 900), new Uint8Array(0)]) {
      Deno.writeFileSync(path, bytes);
      assertEquals(file.read(), undefined);
    }
    assertEquals(
      told,
      Array(3).fill(
        `The translated code in ${path} is damaged: it will be made anew`,
      ),
    );
  });
});

Deno.test("a cache that cannot be written is told of by name", () => {
  withCache((folder, file, told) => {
    Deno.writeTextFileSync(`${folder}/code`, "not a folder");
    file.write(CODE);
    assertEquals(told.length, 1);
    assert(told[0].startsWith(`Cannot keep translated code in ${folder}/code/abc: `), told[0]);
  });
});

Deno.test("an image that is in no cache has no code", () => {
  assertEquals(CodeFile.beside(["/somewhere/disk.img"], () => {}), undefined);
});
