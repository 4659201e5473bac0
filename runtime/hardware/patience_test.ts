import { assertEquals } from "@std/assert";
import { Patience } from "./patience.ts";

Deno.test("patience ends after its limit, counted from the last sign of life", () => {
  const patience = new Patience(100, 30, 1000);
  const looks = (...times: number[]) => times.map((now) => patience.exhausted(now));
  assertEquals(looks(1020, 1040, 1060, 1080, 1100), [false, false, false, false, false]);
  patience.renew(1110);
  assertEquals(looks(1130, 1150, 1170, 1190, 1210, 1211), [
    false,
    false,
    false,
    false,
    false,
    true,
  ]);
});

Deno.test("of a gap in which nobody looked, little counts", () => {
  const patience = new Patience(100, 30, 0);
  const looks = (...times: number[]) => times.map((now) => patience.exhausted(now));
  assertEquals(looks(5000, 10_000, 15_000, 15_010), [false, false, false, false]);
  assertEquals(looks(20_000), [true]);
});
