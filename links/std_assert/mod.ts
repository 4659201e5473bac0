// Stand-in for @std/assert 1.0.19: the assertions this project uses, with the signatures of the real
// ones. Deep equality and the printing of values are those of node:util.
import { inspect, isDeepStrictEqual } from "node:util";

/** What every failed assertion throws. */
export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

// deno-lint-ignore no-explicit-any
type AnyConstructor = new (...args: any[]) => any;
/** The type of what a constructor makes. */
export type GetConstructorType<T extends AnyConstructor> = InstanceType<T>;
type Falsy = false | 0 | 0n | "" | null | undefined;
// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

function show(value: unknown): string {
  return inspect(value, { depth: 8, sorted: true, maxArrayLength: 200, breakLength: 100 });
}

function stop(what: string, message?: string): never {
  throw new AssertionError(message ? `${what}: ${message}` : what);
}

/** Whether two values are structurally equal. */
export function equal(a: unknown, b: unknown): boolean {
  return typeof a === "number" && a === b || isDeepStrictEqual(a, b);
}

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Fails unless `expr` is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/** Fails unless both are structurally equal; prints the lines that differ. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  stop(`Values are not equal\n${difference(show(actual), show(expected))}`, msg);
}

/** Fails if both are structurally equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) {
    stop(`Expected actual: ${show(actual)} not to be: ${show(expected)}`, msg);
  }
}

/** Fails unless both are the same value by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (!Object.is(actual, expected)) {
    stop(`Values are not strictly equal\n${difference(show(actual), show(expected))}`, msg);
  }
}

/** Fails if both are the same value by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (Object.is(actual, expected)) {
    stop(`Expected "actual" to not be strictly equal to: ${show(actual)}`, msg);
  }
}

/** Fails where the value is null or undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    stop(`Expected actual: "${actual}" to not be null or undefined`, msg);
  }
}

/** Fails unless the string holds the other. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    stop(`Expected actual: "${actual}" to contain: "${expected}"`, msg);
  }
}

/** Fails unless the array holds every element of the other. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void {
  const missing = Array.from(expected).filter((wanted) =>
    !Array.from(actual).some((had) => equal(had, wanted))
  );
  if (missing.length > 0) {
    stop(`Expected actual: ${show(actual)} to include: ${show(missing)}`, msg);
  }
}

/** Fails unless the string matches. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) stop(`Expected actual: "${actual}" to match: "${expected}"`, msg);
}

/** Fails if the string matches. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) stop(`Expected actual: "${actual}" to not match: "${expected}"`, msg);
}

/** Fails unless every property of `expected`, at any depth, is in `actual`. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  if (!covers(actual, expected)) {
    stop(`Values are not equal\n${difference(show(actual), show(expected))}`, msg);
  }
}

function covers(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== "object" || expected === null) return equal(actual, expected);
  if (typeof actual !== "object" || actual === null) return false;
  if (Object.getPrototypeOf(expected) !== Object.prototype && !Array.isArray(expected)) {
    return equal(actual, expected);
  }
  if (Array.isArray(expected) && (!Array.isArray(actual) || actual.length !== expected.length)) {
    return false;
  }
  return Object.entries(expected).every(([key, value]) =>
    key in actual && covers((actual as Record<string, unknown>)[key], value)
  );
}

/** Fails unless the value was made by the class or one derived from it. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is GetConstructorType<T> {
  if (!(actual instanceof expectedType)) {
    stop(
      `Expected object to be an instance of "${expectedType.name}" but was ${show(actual)}`,
      msg,
    );
  }
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) stop(`Expect ${show(actual)} > ${show(expected)}`, msg);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) stop(`Expect ${show(actual)} >= ${show(expected)}`, msg);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) stop(`Expect ${show(actual)} < ${show(expected)}`, msg);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) stop(`Expect ${show(actual)} <= ${show(expected)}`, msg);
}

/** Fails unless the numbers differ by at most `tolerance` (by default a tenth of a millionth of `expected`). */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (!(Math.abs(expected - actual) <= allowed)) {
    stop(`Expected actual: "${actual}" to be close to "${expected}", within ${allowed}`, msg);
  }
}

/** Fails unless `error` is of the class, and its message has the part. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorClass<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    stop(`Expected "error" to be an Error object but was ${show(error)}`, msg);
  }
  if (ErrorClass && !(error instanceof ErrorClass)) {
    stop(
      `Expected error to be instance of "${ErrorClass.name}", but was "${error.name}": ${error.message}`,
      msg,
    );
  }
  const matches = msgMatches === undefined ||
    (typeof msgMatches === "string"
      ? error.message.includes(msgMatches)
      : msgMatches.test(error.message));
  if (!matches) {
    stop(
      `Expected error message to include ${show(msgMatches)}, but got ${show(error.message)}`,
      msg,
    );
  }
}

/** Fails unless `fn` throws; with a class, unless it throws an error of it. @returns what was thrown */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMessage?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = error;
    if (typeof classOrMessage === "function") {
      assertIsError(error, classOrMessage, msgIncludes, msg);
    }
    return thrown;
  }
  stop("Expected function to throw", typeof classOrMessage === "string" ? classOrMessage : msg);
}

/** Fails unless the promise that `fn` makes rejects; with a class, with an error of it. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMessage?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  let pending: PromiseLike<unknown>;
  try {
    pending = fn();
  } catch (error) {
    stop(`Function throws when expected to reject: ${show(error)}`, msg);
  }
  try {
    await pending;
  } catch (error) {
    if (typeof classOrMessage === "function") {
      assertIsError(error, classOrMessage, msgIncludes, msg);
    }
    return error;
  }
  stop("Expected function to reject", typeof classOrMessage === "string" ? classOrMessage : msg);
}

/** Fails. */
export function fail(msg?: string): never {
  stop("Failed assertion", msg);
}

/** Fails: this line cannot be reached. */
export function unreachable(msg?: string): never {
  stop("Unreachable", msg);
}

/** Fails: not there yet. */
export function unimplemented(msg?: string): never {
  stop("Unimplemented", msg);
}

/** Both texts, line by line: what only `actual` has with "-", what only `expected` has with "+". */
function difference(actual: string, expected: string): string {
  const a = actual.split("\n");
  const b = expected.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) {
    tail++;
  }
  return [
    "  [Actual -] [Expected +]",
    ...a.slice(Math.max(0, head - 3), head).map((line) => `  ${line}`),
    ...a.slice(head, a.length - tail).map((line) => `- ${line}`),
    ...b.slice(head, b.length - tail).map((line) => `+ ${line}`),
    ...a.slice(a.length - tail).slice(0, 3).map((line) => `  ${line}`),
  ].join("\n");
}
