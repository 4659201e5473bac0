import { assertEquals } from "@std/assert";
import { Requests } from "./signals.ts";

Deno.test("a Ctrl-C that is handed on is one request; pressed again, it is another", () => {
  const requests = new Requests();
  const others = [0, 1, 60, 249, 900, 901, 1500].filter((ms) => requests.isAnother(ms));
  assertEquals(others, [0, 900, 1500]);
});
