import { assertEquals } from "@std/assert";
import { describe } from "./progress.ts";

Deno.test("a machine in a line: programs, calls, memory, and restarts where there are any", () => {
  const state = {
    programs: [
      { name: "web", state: "running" as const, restarts: 0 },
      { name: "init", state: "ended" as const, status: 139, restarts: 0 },
    ],
    calls: 5000,
    memoryBytes: 143 << 20,
    restarts: 0,
  };
  assertEquals(describe(state, 1234.5), "web running, init 139  1,235 calls/s  143 MiB");
  assertEquals(
    describe({ ...state, programs: [], restarts: 2 }, 0),
    "  0 calls/s  143 MiB  2 restarts",
  );
});
