// From inside a process domain: nothing of the host can be had, and memory without end is not either.
import { assertEquals } from "@std/assert";
import { processIsolation } from "../../runtime/hypervisor/isolation/process.ts";
import { MemoryOpener } from "../../runtime/hypervisor/memory/opener.ts";
import { STATUS_BYTES, StatusPage } from "../../runtime/hypervisor/status_page.ts";
import type { DomainPlan } from "../../schemas/plan.ts";

async function isolated(standsBy: boolean): Promise<void> {
  const opener = new MemoryOpener();
  const memory = opener.create("memory", 1 << 20, "mapped"),
    status = opener.create("status", STATUS_BYTES, "mapped");
  const bell = opener.createBell("bell", "mapped");
  const mechanism = processIsolation(new URL("./hostile_domain.ts", import.meta.url));
  const plan = {
    name: "hostile",
    memory: { address: 0, sizeBytes: 1 << 20, heapBytes: 64 << 20 },
  } as DomainPlan;
  if (standsBy) mechanism.prepare!([plan]);
  const instance = mechanism.start({
    plan,
    generation: 1,
    memory: memory.grant,
    status: status.grant,
    control: status.grant,
    bell: bell.grant,
    rings: [],
    devices: [],
    faults: [],
    deviceBell: bell.grant,
    trace: status.grant,
  }, () => {});
  // It fills its memory until it is refused more, or killed by the runtime that is.
  await instance.ended;
  assertEquals(new StatusPage(status.buffer).failure, "got nothing");
  opener.release();
}

Deno.test("a hostile domain reaches nothing of the host, and dies when it takes all the memory", () =>
  isolated(false));

Deno.test("so it is where the process stood by before it was granted anything", () =>
  isolated(true));

Deno.test("processes that stand by and are not needed end", async () => {
  const mechanism = processIsolation(new URL("./hostile_domain.ts", import.meta.url));
  const memory = { address: 0, sizeBytes: 1 << 20, heapBytes: 64 << 20 };
  const plans = ["one", "another"].map((name) => ({ name, memory }) as DomainPlan);
  mechanism.prepare!(plans);
  mechanism.prepare!(plans.slice(1));
  // The test would be told of what is left of it.
  await mechanism.close!();
});
