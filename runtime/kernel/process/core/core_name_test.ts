// How cores are called, and what is no name.
import { assertEquals, assertThrows } from "@std/assert";
import { smallKernel } from "../../../../tests/fixtures/small_kernel.ts";
import { E, Errno } from "../../errno.ts";
import { SIG } from "../signal/signal.ts";
import type { Core } from "./core.ts";
import { coreName, demandPattern } from "./core_name.ts";
import { Cores } from "./cores.ts";

Deno.test("a pattern says the process, its signal and the time", () => {
  const { start } = smallKernel();
  const process = start(5);
  Object.assign(process, { name: "a/b", executable: "/usr/bin/a" });
  const core = { info: { signal: SIG.ABRT, code: 0 }, threads: [{ tid: 77 }] } as Core;
  const named = (pattern: string) => coreName(pattern, process, core, 1234);
  assertEquals(named("core"), "core");
  assertEquals(named("/tmp/%e-%f-%E.%p"), `/tmp/a!b-a-!usr!bin!a.${process.pid}`);
  assertEquals(named("%s.%t.%i.%u.%g.%d.%h"), "6.1234.77.5.5.1.virtuos");
  assertEquals(named("%%p%q%"), "%p", "what no letter stands for is left out");
});

Deno.test("a pattern ends with its line, and is no program", () => {
  assertEquals(demandPattern("core.%p\nmore"), "core.%p");
  assertEquals(demandPattern("x".repeat(200)).length, 127);
  assertEquals(assertThrows(() => demandPattern("|/bin/cat")), new Errno(E.EINVAL));
  const cores = new Cores();
  assertThrows(() => cores.pattern = "|/bin/cat");
  assertEquals(cores.pattern, "core");
});
