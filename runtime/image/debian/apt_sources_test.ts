// apt's configuration, as the host has it.
import { assertEquals } from "@std/assert";
import { readDeb822Style, readOneLineStyle, sourcesOf } from "./apt_sources.ts";

Deno.test("apt's configuration is read in both of its styles", () => {
  const lines = readOneLineStyle(
    "# deb http://no main\ndeb [arch=amd64 signed-by=/k] http://m/debian/ bookworm main contrib # x\n" +
      "deb-src http://m/debian bookworm main\n",
  );
  assertEquals(lines, [
    { uris: ["http://m/debian/"], suites: ["bookworm"], components: ["main", "contrib"] },
  ]);
  const stanzas = readDeb822Style(
    "Types: deb deb-src\n# note\nURIs: http://m/debian\nSuites: trixie trixie-updates\n" +
      "Components: main\n\nTypes: deb\nEnabled: no\nURIs: http://off\nSuites: x\nComponents: main\n",
  );
  assertEquals(stanzas, [
    { uris: ["http://m/debian"], suites: ["trixie", "trixie-updates"], components: ["main"] },
  ]);
  assertEquals(sourcesOf("trixie", "http://m/debian/"), [
    { uri: "http://m/debian", suites: ["trixie", "trixie-updates"] },
  ]);
});
