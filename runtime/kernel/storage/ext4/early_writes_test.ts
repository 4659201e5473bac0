// Files whose pages are gathered: who is asked to write, and when.
import { assertEquals } from "@std/assert";
import { EarlyWrites } from "./early_writes.ts";

Deno.test("files are asked to write once their pages together are enough, but for those that were written", () => {
  const early = new EarlyWrites(), asked: string[] = [];
  const file = (name: string) => ({ writeGathered: () => void asked.push(name) });
  const one = file("one"), other = file("other"), written = file("written");
  early.gathered(one, 20);
  early.gathered(written, 11);
  early.written(written, 11);
  early.gathered(other, 11);
  assertEquals(asked, []);
  early.gathered(other, 1);
  assertEquals(asked, ["one", "other"]);
  early.gathered(one, 31);
  assertEquals(asked, ["one", "other"]);
});
