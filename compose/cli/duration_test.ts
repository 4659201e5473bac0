import { assertEquals } from "@std/assert";
import { durationText, parseDuration } from "./duration.ts";

Deno.test("durations are read in one unit or several", () => {
  assertEquals(parseDuration("90s"), 90_000);
  assertEquals(parseDuration("1h30m"), 5_400_000);
  assertEquals(parseDuration("0.5s"), 500);
  assertEquals(parseDuration("0s"), 0);
  for (const text of ["", "5", "s", "5 s", "-5s", "5w", "1m!"]) {
    assertEquals(parseDuration(text), undefined, text);
  }
});

Deno.test("durations are shown in their two largest units", () => {
  assertEquals(durationText(999), "0s");
  assertEquals(durationText(61_000), "1m 1s");
  assertEquals(durationText(3_600_000), "1h");
  assertEquals(durationText(90_061_000), "1d 1h");
  assertEquals(durationText(-5), "0s");
});
