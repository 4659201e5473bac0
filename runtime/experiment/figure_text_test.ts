import { assertEquals } from "@std/assert";
import { intervalText, numberText, ratioText } from "./figure_text.ts";

Deno.test("numbers have as many digits as are worth reading", () => {
  assertEquals(
    [0, 0.01234, 0.9996, 1.5, 123.4, 1234.5, 987_654].map((value) => numberText(value)),
    ["0", "0.0123", "1.000", "1.50", "123", "1,230", "988,000"],
  );
  assertEquals(intervalText({ value: 1234, low: 1178, high: 1290 }), "1,230 ± 56");
  assertEquals(intervalText({ value: 5, low: -Infinity, high: Infinity }), "5.00");
  assertEquals(ratioText({ value: 0.5, low: 0.4, high: 0.625 }), "0.500 (0.400 to 0.625)");
});
