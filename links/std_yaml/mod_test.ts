import { assertEquals, assertThrows } from "@std/assert";
import { parse, stringify } from "@std/yaml";

Deno.test("what is stringified parses back", () => {
  const value = { name: "web", sizes: [1, 2.5], nested: { on: true, none: null, text: "yes: no" } };
  assertEquals(parse(stringify(value)), value);
  assertEquals(stringify({ a: [1], b: "c" }), "a:\n  - 1\nb: c\n");
});

Deno.test("broken text is a SyntaxError, a function a TypeError", () => {
  assertThrows(() => parse("a: [1"), SyntaxError);
  assertThrows(() => stringify({ f: () => {} }), TypeError);
  assertEquals(parse(stringify({ f: () => {}, a: 1 }, { skipInvalid: true })), { a: 1 });
});
