import { assertEquals } from "@std/assert";
import { Interruption, Requests } from "./signals.ts";

Deno.test("a Ctrl-C that is handed on is one request; pressed again, it is another", () => {
  const requests = new Requests();
  const others = [0, 1, 60, 249, 900, 901, 1500].filter((ms) => requests.isAnother(ms));
  assertEquals(others, [0, 900, 1500]);
});

Deno.test("a signal that is handed on does not end the process before it has given up", async () => {
  const interruption = new Interruption();
  try {
    for (let times = 0; times < 2; times++) {
      Deno.kill(Deno.pid, "SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 20));
      assertEquals(interruption.happened, true);
    }
  } finally {
    interruption.end();
  }
});
