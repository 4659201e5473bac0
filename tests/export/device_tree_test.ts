// Device trees of plans, as dtc compiles and fdtget reads them.
import { assertEquals } from "@std/assert";
import { toDeviceTree } from "../../compose/export/device_tree.ts";
import { identifier } from "../../compose/export/parts.ts";
import type { Plan } from "../../schemas/plan.ts";
import { exportedPlans } from "./exported_plans.ts";
import { lacks, tell } from "../fixtures/host_tools.ts";

const ignore = lacks("Tests of device trees", "dtc", "fdtget");

async function readTree(plan: Plan, read: (get: Getter) => Promise<void>): Promise<void> {
  const [{ text }] = toDeviceTree(plan);
  const file = Deno.makeTempFileSync({ suffix: ".dtb" });
  try {
    const compiled = await tell("dtc", ["-@", "-I", "dts", "-O", "dtb", "-o", file], {
      stdin: text,
    });
    assertEquals(compiled, { code: 0, out: "", err: "" });
    await read(async (node, property, type = "u") => {
      const { code, out, err } = await tell("fdtget", ["-t", type, file, node, property]);
      assertEquals([code, err], [0, ""], `${node} ${property}`);
      return out.trim();
    });
  } finally {
    Deno.removeSync(file);
  }
}

type Getter = (node: string, property: string, type?: "u" | "s") => Promise<string>;

const cells = ({ address, sizeBytes }: { address: number; sizeBytes: number }) =>
  [address, sizeBytes].flatMap((value) => [Math.floor(value / 2 ** 32), value % 2 ** 32]);
const at = (address: number) => address.toString(16);

for (const [name, plan] of await exportedPlans()) {
  const fn = async () => {
    await readTree(plan, async (get) => {
      const numbers = async (node: string, property: string) =>
        (await get(node, property)).split(" ").map(Number);
      const phandle = async (label: string) =>
        Number(await get(await get("/__symbols__", label, "s"), "phandle"));
      for (const device of plan.machine.devices) {
        const node = `/soc/virtio@${at(device.registers)}`;
        const own = { address: device.registers, sizeBytes: 4096 };
        assertEquals(await numbers(node, "reg"), cells(own));
        assertEquals(await numbers(node, "interrupts"), [device.interrupt]);
        const [iommu, id] = await numbers(node, "iommus");
        const context = plan.machine.iommu.contexts.find((one) => one.device === device.name)!;
        assertEquals([iommu, id], [await phandle("iommu"), context.deviceId]);
        // The window: this device's line in the memory of its domain.
        const { memory } = plan.domains.find((domain) => domain.name === device.domain)!;
        const windows = await numbers(
          `/reserved-memory/domain-memory@${at(memory.address)}`,
          "iommu-addresses",
        );
        const self = await phandle(`device_${identifier(device.name)}`);
        const rows = Array.from(
          { length: windows.length / 5 },
          (_, row) => windows.slice(5 * row, 5 * row + 5),
        );
        assertEquals(
          rows.filter(([one]) => one === self),
          context.windows.map((window) => [self, ...cells(window)]),
        );
      }
      const held = new Map<string, number[][]>();
      for (const domain of plan.domains) {
        const memory = await numbers(`/domains/domain-${domain.id}`, "memory");
        held.set(
          domain.name,
          Array.from({ length: memory.length / 4 }, (_, row) => memory.slice(4 * row, 4 * row + 4)),
        );
        assertEquals(held.get(domain.name)![0], cells(domain.memory));
      }
      for (const ring of plan.rings) {
        assertEquals(
          await numbers(`/reserved-memory/ring@${at(ring.address)}`, "reg"),
          cells(ring),
        );
        const ends = [...held].filter(([, rows]) =>
          rows.some((row) => `${row}` === `${cells(ring)}`)
        );
        assertEquals(ends.map(([end]) => end).sort(), [ring.client, ring.server].sort());
      }
      const all = await numbers(`/memory@${at(0x8000_0000)}`, "reg");
      const user = plan.machine.userMemoryBytes;
      const taken = [...plan.rings, ...plan.domains.map(({ memory }) => memory)]
        .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      assertEquals(all, cells({ address: 0x8000_0000, sizeBytes: taken + user }));
    });
  };
  Deno.test({
    name: `device tree of ${name}: no warning, and the plan's addresses and interrupts`,
    ignore,
    fn,
  });
}
