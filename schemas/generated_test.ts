// What is made from the manifest's shape and kept in the tree is what the shape says now.
import { assertEquals } from "@std/assert";
import { manifestPageText } from "./manifest_page.ts";
import type { systemShape } from "./manifest.ts";
import { amountText, type Infer } from "./manifest_shape.ts";
import { systemTypeText } from "./manifest_type.ts";
import type { System } from "./system.ts";

const AGAIN = "run `deno task schemas`";
const read = (path: string) => Deno.readTextFileSync(new URL(path, import.meta.url));

Deno.test("the page of the manifest is that of the shape", () => {
  assertEquals(read("../docs/manifest.md"), manifestPageText(), AGAIN);
});

Deno.test("the type of the manifest is that of the shape", () => {
  assertEquals(read("system.ts"), systemTypeText(), AGAIN);
  // Each can stand for the other: these two lines compile, or the type check fails.
  const written = (inferred: Infer<typeof systemShape>): System => inferred;
  const inferred = (written: System): Infer<typeof systemShape> => written;
  assertEquals([written.length, inferred.length], [1, 1]);
});

Deno.test("the page names every field, its default and its bounds", () => {
  const page = manifestPageText();
  for (
    const row of [
      /^\| `readOnly` +\| `true`, `false` +\| `false` +\| virtio-blk: refuse writes +\|$/m,
      /^\| `size` +\| size, `6MiB` to `8TiB` +\| required +\|/m,
      /^\| `clients` +\| `retry`, `error` +\| +\|/m,
      /^\| `ring` +\| \[`domains\.NAME\.ring`\]\(#domainsnamering\) +\| those of its fields +\|/m,
      /^## `domains\.NAME\.recovery`$/m,
    ]
  ) assertEquals(row.test(page), true, String(row));
});

Deno.test("amounts are written in the largest unit that divides them", () => {
  assertEquals(amountText(1536 << 10, "bytes"), "1536KiB");
  assertEquals(amountText(2 ** 32, "bytes"), "4GiB");
  assertEquals(amountText(1500, "milliseconds"), "1500ms");
  assertEquals(amountText(60_000, "milliseconds"), "60s");
  assertEquals(amountText(0, "microseconds"), "0");
  assertEquals(amountText(7, "integer"), "7");
});
