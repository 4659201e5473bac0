import { assertEquals, assertThrows } from "@std/assert";
import { parseRelations } from "./control.ts";
import { PackageIndex } from "./package_index.ts";
import { resolve } from "./resolver.ts";
import { compareVersions, satisfies } from "./version.ts";

function indexOf(...stanzas: string[]): PackageIndex {
  const index = new PackageIndex();
  const rest = "Filename: pool/x.deb\nSize: 1\nSHA256: 00\n";
  index.add(stanzas.map((stanza) => `${stanza}\n${rest}`).join("\n"), "http://archive");
  return index;
}

function chosen(index: PackageIndex, ...names: string[]): string[] {
  return resolve(index, names).map(({ name }) => name);
}

Deno.test("versions are ordered as deb-version(7) says", () => {
  const ascending = [
    "0~rc1",
    "0",
    "1.0~~",
    "1.0~",
    "1.0",
    "1.0-1~bpo1",
    "1.0-1",
    "1.0-1+b1",
    "1.0-1.1",
    "1.0a-1",
    "1.0+dfsg-1",
    "1.2",
    "1.10",
    "1.10-0ubuntu1",
    "20240101",
    "1:0.1",
    "2:0",
  ];
  for (const [at, version] of ascending.entries()) {
    for (const [other, against] of ascending.entries()) {
      assertEquals(
        Math.sign(compareVersions(version, against)),
        Math.sign(at - other),
        `${version} and ${against}`,
      );
    }
  }
  assertEquals(compareVersions("1.0", "0:1.0-0"), 0);
  assertEquals(compareVersions("1.007", "1.7"), 0);
  assertEquals(satisfies("2.41-12", ">=", "2.38"), true);
  assertEquals(satisfies("2.41-12", "<<", "2.41-12"), false);
});

Deno.test("relations are read with versions, alternatives and qualifiers", () => {
  assertEquals(parseRelations("a (>= 1:2.0~rc1), b:any | c [riscv64],\n d (= 1-1)"), [
    [{ name: "a", operator: ">=", version: "1:2.0~rc1" }],
    [{ name: "b" }, { name: "c" }],
    [{ name: "d", operator: "=", version: "1-1" }],
  ]);
  assertThrows(() => parseRelations("a (is 1)"), Error, 'the relation "a (is 1)" cannot be read');
});

Deno.test("dependencies come first, cycles end, and the first alternative that can be had is taken", () => {
  const index = indexOf(
    "Package: app\nVersion: 1\nDepends: lib (>= 2), gone | broken | tool, c",
    "Package: lib\nVersion: 2.1\nPre-Depends: c",
    "Package: c\nVersion: 1\nDepends: gcc",
    "Package: gcc\nVersion: 1\nDepends: c",
    "Package: broken\nVersion: 1\nDepends: nowhere",
    "Package: tool\nVersion: 1",
  );
  assertEquals(chosen(index, "app"), ["gcc", "c", "lib", "tool", "app"]);
});

Deno.test("virtual packages: what is chosen already, then by priority; versions where they are given", () => {
  const index = indexOf(
    "Package: a\nVersion: 1\nDepends: awk",
    "Package: gawk\nVersion: 5\nPriority: optional\nProvides: awk",
    "Package: mawk\nVersion: 1\nPriority: required\nProvides: awk",
    "Package: v\nVersion: 1\nDepends: api (>= 2)",
    "Package: old\nVersion: 9\nProvides: api (= 1), api-old",
    "Package: new\nVersion: 1\nProvides: api (= 2.5)",
    "Package: bare\nVersion: 1\nProvides: api",
  );
  assertEquals(chosen(index, "a"), ["mawk", "a"]);
  assertEquals(chosen(index, "gawk", "a"), ["gawk", "a"]);
  assertEquals(chosen(index, "v"), ["new", "v"]);
});

Deno.test("the newest version is taken, whatever archive it is in", () => {
  const index = indexOf("Package: a\nVersion: 1.9");
  index.add("Package: a\nVersion: 1.10\nFilename: f\nSize: 1\nSHA256: 00\n", "http://updates");
  index.add("Package: a\nVersion: 1.2\nFilename: f\nSize: 1\nSHA256: 00\n", "http://old");
  assertEquals(index.get("a")!.version, "1.10");
  assertEquals(index.get("a")!.archive, "http://updates");
});

Deno.test("what cannot be had is named, with who needs it", () => {
  const index = indexOf(
    "Package: app\nVersion: 1\nDepends: libfoo (>= 3)",
    "Package: libfoo\nVersion: 2",
    "Package: top\nVersion: 1\nDepends: middle",
    "Package: middle\nVersion: 1\nDepends: bottom | floor",
    "Package: sqlite3\nVersion: 1",
    "Package: one\nVersion: 1\nConflicts: two",
    "Package: two\nVersion: 1",
    "Package: self\nVersion: 1\nConflicts: role\nProvides: role",
  );
  const refuses = (message: string, ...names: string[]) =>
    assertThrows(() => resolve(index, names), Error, message);
  refuses("Cannot install libfoo (>= 3), needed by app: the archive has libfoo 2", "app");
  refuses(
    "Cannot install bottom | floor, needed by middle: the archive has no such package",
    "top",
  );
  refuses("no such package (is sqlite3 meant?)", "sqlite");
  refuses("Cannot install two, needed by what was asked for: it conflicts with one", "one", "two");
  assertEquals(chosen(index, "self"), ["self"]);
});
