import { assertEquals } from "@std/assert";
import { systemCall } from "../../../schemas/syscalls.ts";
import { handlers, threadHandlers } from "./process_component.ts";

Deno.test("what is handled is in the table as served, and by one kind of handler", () => {
  const served = [...handlers.keys(), ...threadHandlers.keys()];
  assertEquals(new Set(served).size, served.length);
  const missing = served.map((number) => systemCall(number)).filter((call) =>
    call === undefined || call.status === "missing"
  );
  assertEquals(missing.map((call) => call?.name), []);
});
