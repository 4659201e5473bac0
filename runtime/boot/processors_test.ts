import { assertEquals, assertNotEquals } from "@std/assert";
import type { Plan } from "../../schemas/plan.ts";
import { devicesPlace, HART_PLACE, processorsOf, setOf } from "./processors.ts";

Deno.test("a set of processors is read as it is written", () => {
  for (const processor of [0, 7, 8, 63, 1023]) {
    assertEquals(processorsOf(setOf(processor)), [processor]);
  }
  assertEquals(processorsOf(Uint8Array.of(0b1000_0001, 0b10)), [0, 7, 9]);
});

Deno.test("devices are beside the hart only where domains are between them", () => {
  const place = (devices: { model: string; domain: string }[]) =>
    devicesPlace(
      {
        machine: { devices },
        domains: [{ name: "main", primary: true }, { name: "net", primary: false }],
      } as unknown as Plan,
    );
  const console = { model: "virtio-console", domain: "main" };
  assertEquals(place([console, { model: "virtio-net", domain: "net" }]), HART_PLACE);
  const own = [{ model: "virtio-net", domain: "net" }, { model: "virtio-blk", domain: "main" }];
  assertNotEquals(place([console, ...own]), HART_PLACE);
});
