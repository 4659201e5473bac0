import {
  assert,
  assertEquals,
  AssertionError,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";

Deno.test("assertEquals compares structure and shows the difference", () => {
  assertEquals({ a: [1, 2], b: new Uint8Array([1]) }, { b: new Uint8Array([1]), a: [1, 2] });
  assertEquals(0, -0);
  assertNotEquals<unknown>({ a: 1 }, { a: 1, b: undefined });
  const error = assertThrows(() => assertEquals(["a", "b"], ["a", "c"], "letters"), AssertionError);
  assertStringIncludes(error.message, "- [ 'a', 'b' ]\n+ [ 'a', 'c' ]");
  assertStringIncludes(error.message, "letters");
});

Deno.test("assertThrows and assertRejects check class and message, and give the error back", async () => {
  const thrown = assertThrows(
    () => {
      throw new TypeError("one two");
    },
    TypeError,
    "two",
  );
  assert(thrown instanceof TypeError);
  assertThrows(() => assertThrows(() => {}), AssertionError, "Expected function to throw");
  assertThrows(() =>
    assertThrows(() => {
      throw new Error("x");
    }, TypeError), AssertionError);
  await assertRejects(() => Promise.reject(new RangeError("far")), RangeError, "far");
  await assertRejects(
    () => assertRejects(() => Promise.resolve(1)),
    AssertionError,
    "Expected function to reject",
  );
});

Deno.test("assertObjectMatch looks at the given properties only", () => {
  assertObjectMatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } });
  assertThrows(() => assertObjectMatch({ a: 1 }, { a: 2 }), AssertionError);
  assertThrows(() => assertMatch("abc", /d/), AssertionError);
});
