// Rounds are permutations that a seed gives again, and no place in them is anybody's.
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { roundOf } from "./schedule.ts";

const cases = Array.from({ length: 12 }, (_, index) => index);

Deno.test("a round has every case once, and the same order for the same seed", () => {
  assertEquals(roundOf(cases, 5, 3).sort((a, b) => a - b), cases);
  assertEquals(roundOf(cases, 5, 3), roundOf(cases, 5, 3));
  assertNotEquals(roundOf(cases, 5, 3), roundOf(cases, 5, 4));
  assertNotEquals(roundOf(cases, 5, 3), roundOf(cases, 6, 3));
});

Deno.test("each case is in each place about as often", () => {
  const places = new Array<number>(cases.length).fill(0), rounds = 6000;
  for (let round = 0; round < rounds; round++) places[roundOf(cases, 1, round).indexOf(0)]++;
  for (const count of places) assert(Math.abs(count - rounds / 12) < 110, String(places));
});
