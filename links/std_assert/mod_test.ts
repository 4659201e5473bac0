import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
  unimplemented,
  unreachable,
} from "@std/assert";

/** The second of each pair has to fail, with the text in its message. */
const pairs: Record<string, [passes: () => void, fails: () => void, message: string]> = {
  assert: [() => assert(1), () => assert("", "empty"), "empty"],
  assertFalse: [() => assertFalse(0), () => assertFalse([], "a list"), "a list"],
  assertNotEquals: [
    () => assertNotEquals([1], [2]),
    () => assertNotEquals([1], [1]),
    "not to be: [ 1 ]",
  ],
  assertStrictEquals: [
    () => assertStrictEquals(NaN, NaN),
    () => assertStrictEquals([1], [1]),
    "not strictly equal",
  ],
  assertNotStrictEquals: [
    () => assertNotStrictEquals([1], [1]),
    () => assertNotStrictEquals("a", "a"),
    "'a'",
  ],
  assertExists: [() => assertExists(0), () => assertExists(null), '"null"'],
  assertStringIncludes: [
    () => assertStringIncludes("abc", "bc"),
    () => assertStringIncludes("abc", "cb"),
    'to contain: "cb"',
  ],
  assertArrayIncludes: [
    () => assertArrayIncludes([{ a: 1 }, 2, 3], [3, { a: 1 }]),
    () => assertArrayIncludes([1, 2], [2, 4]),
    "to include: [ 4 ]",
  ],
  assertMatch: [() => assertMatch("abc", /b/), () => assertMatch("abc", /d/), '"/d/"'],
  assertNotMatch: [() => assertNotMatch("abc", /d/), () => assertNotMatch("abc", /b/), '"/b/"'],
  assertInstanceOf: [
    () => assertInstanceOf(new TypeError(), Error),
    () => assertInstanceOf(new Error(), TypeError),
    '"TypeError"',
  ],
  assertIsError: [
    () => assertIsError(new RangeError("too far"), RangeError, /^too/),
    () => assertIsError(new RangeError("too far"), RangeError, "near"),
    "'near'",
  ],
  assertGreater: [() => assertGreater(2, 1), () => assertGreater(1, 1), "1 > 1"],
  assertGreaterOrEqual: [
    () => assertGreaterOrEqual(1, 1),
    () => assertGreaterOrEqual(0, 1),
    "0 >= 1",
  ],
  assertLess: [() => assertLess(1, 2), () => assertLess(2, 2), "2 < 2"],
  assertLessOrEqual: [() => assertLessOrEqual(2, 2), () => assertLessOrEqual(3, 2), "3 <= 2"],
  assertAlmostEquals: [
    () => assertAlmostEquals(0.1 + 0.2, 0.3),
    () => assertAlmostEquals(1, 1.1, 0.05),
    "within 0.05",
  ],
};

for (const [name, [passes, fails, message]] of Object.entries(pairs)) {
  Deno.test(`${name} passes, and fails with what was wrong`, () => {
    passes();
    assertThrows(fails, AssertionError, message);
  });
}

Deno.test("fail, unreachable and unimplemented always fail", () => {
  assertThrows(() => fail("why"), AssertionError, "why");
  assertThrows(() => unreachable("here"), AssertionError, "here");
  assertThrows(() => unimplemented(), AssertionError, "nimplemented");
});

Deno.test("equal compares maps, sets, dates, bytes and NaN by what they hold", () => {
  assert(equal(new Map([["a", new Set([1])]]), new Map([["a", new Set([1])]])));
  assertFalse(equal(new Map([["a", 1]]), new Map([["a", 2]])));
  assert(equal(new Date(5), new Date(5)));
  assert(equal([NaN, 1n], [NaN, 1n]));
  assertFalse(equal(new Uint8Array([1]), new Uint8Array([2])));
  assertFalse(equal(new Uint8Array([1]), [1]));
  assertFalse(equal(1, "1"));
});

Deno.test("what an assertion passed has its type from there on", () => {
  const text: string | undefined = ["a"].at(0);
  assertExists(text);
  assertEquals(text.length, 1);
});

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
  assertObjectMatch({ list: [{ a: 1, b: 2 }] }, { list: [{ a: 1 }] });
  assertThrows(() => assertObjectMatch({ list: [1, 2] }, { list: [1] }), AssertionError);
});
