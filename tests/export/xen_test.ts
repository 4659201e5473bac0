// Domains of Xen, as the parser of its own tools reads them: `xl` itself wants a hypervisor to run under.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { toXen } from "../../compose/export/xen.ts";
import { ownedBytes, partsOf } from "../../compose/export/parts.ts";
import { exportedPlans } from "./exported_plans.ts";
import { lacks, tell } from "../fixtures/host_tools.ts";

const reader = new URL("xen_configuration.py", import.meta.url).pathname;
const ignore = lacks("Tests of Xen's domains", "python3") ||
  (await tell("python3", [reader])).code !== 0;
if (ignore) console.warn("Tests of Xen's domains do not run: libxlutil is missing");

const PAGE = 4096;

interface Read {
  name: string;
  type: string;
  kernel: string;
  on_crash: string;
  on_watchdog: string;
  memory: number;
  maxmem: number;
  vcpus: number;
  iomem: string[];
  vif: string[];
  disk: { path: string; device: string }[];
}

async function read(text: string): Promise<Read> {
  const file = Deno.makeTempFileSync({ suffix: ".cfg" });
  try {
    Deno.writeTextFileSync(file, text);
    const { code, out, err } = await tell("python3", [reader, file]);
    assertEquals([code, err], [0, ""]);
    return JSON.parse(out);
  } finally {
    Deno.removeSync(file);
  }
}

for (const [name, plan] of await exportedPlans()) {
  const fn = async () => {
    const holders = new Map<string, string[]>();
    const parts = partsOf(plan);
    for (const [index, { name: file, text }] of toXen(plan).entries()) {
      const { domain, devices, rings } = parts[index];
      const { iomem, vif, disk, ...rest } = await read(text);
      const failed = domain.recovery.policy === "restart" ? "restart" : "destroy";
      const mebibytes = Math.ceil(ownedBytes(parts[index]) / 2 ** 20);
      assertEquals(file, `${domain.name}.cfg`);
      assertEquals(rest, {
        name: `${plan.name}-${domain.name}`,
        type: "pvh",
        kernel: `${domain.name}.elf`,
        on_crash: failed,
        on_watchdog: failed,
        memory: mebibytes,
        maxmem: mebibytes,
        vcpus: 1,
      });
      const disks = devices.filter(({ model }) => model === "virtio-blk");
      assertEquals(
        disk,
        disks.map((device, at) => ({
          path: device.image ?? `${device.name}.img`,
          device: `xvd${"abcd"[at]}`,
        })),
      );
      const macs = devices.flatMap(({ network }) => network ? [network.mac] : []);
      assertEquals(vif.map((one) => /^mac=([^,]*),/.exec(one)?.[1]), macs);
      assertEquals(iomem.length, rings.length);
      for (const one of iomem) holders.set(one, [...holders.get(one) ?? [], domain.name]);
    }
    // Each ring's pages, one to one, in its two domains.
    const expected = plan.rings.map(({ address, sizeBytes, client, server }) => {
      const page = (address / PAGE).toString(16);
      return [`${page},${(sizeBytes / PAGE).toString(16)}@${page}`, [client, server].sort()];
    });
    assertEquals([...holders].map(([pages, ends]) => [pages, ends.sort()]).sort(), expected.sort());
  };
  Deno.test({ name: `Xen, ${name}: its parser reads each domain, as the plan has it`, ignore, fn });
}

Deno.test("Xen: networks have bridges that nobody has made yet, but for interfaces of the host", async () => {
  const plans = await exportedPlans();
  const text = (name: string) => toXen(plans.get(name)!).map((file) => file.text).join("");
  assertStringIncludes(text("odd, closed"), "bridge=translated1");
  assertStringIncludes(text("odd, loop"), "bridge=segment0");
  assertStringIncludes(text("odd, tap"), "vifname=tap7");
});
