// Domains of libvirt, as its own schema and xmllint read them.
import { assertEquals } from "@std/assert";
import { toLibvirt } from "../../compose/export/libvirt.ts";
import { machineBytes, partsOf } from "../../compose/export/parts.ts";
import { exportedPlans } from "./exported_plans.ts";
import { lacks, tell } from "../fixtures/host_tools.ts";

const SCHEMA = "/usr/share/libvirt/schemas/domain.rng";
const ignore = lacks("Tests of libvirt's domains", "virt-xml-validate", "xmllint");

/** Schemas before libvirt 9.1 do not know the one device by which a RISC-V kernel tells of its crash. */
const knowsPanic = ignore ||
  Deno.readTextFileSync(SCHEMA.replace("domain.rng", "domaincommon.rng")).includes("pvpanic");
const known = (text: string) =>
  knowsPanic ? text : text.replace('<panic model="pvpanic"/>', "<!-- panic -->");

for (const [name, plan] of await exportedPlans()) {
  const fn = async () => {
    const folder = Deno.makeTempDirSync();
    try {
      const shared: string[] = [];
      for (const [index, { name: file, text }] of toLibvirt(plan).entries()) {
        const path = `${folder}/${file}`;
        Deno.writeTextFileSync(path, known(text));
        const { code, err } = await tell("virt-xml-validate", [path, "domain"]);
        assertEquals([code, err.trim()], [0, `${path} validates`]);
        const query = async (expression: string) =>
          (await tell("xmllint", ["--xpath", expression, path])).out.trim();
        const parts = partsOf(plan)[index];
        assertEquals(
          [await query("string(//name)"), await query("string(/domain/memory)")],
          [`${plan.name}-${parts.domain.name}`, String(machineBytes(parts) / 1024)],
        );
        const disks = parts.devices.filter(({ model }) => model === "virtio-blk");
        for (const [at, { image, readOnly }] of disks.entries()) {
          const disk = `//disk[${at + 1}]`;
          if (image !== undefined) assertEquals(await query(`string(${disk}/source/@file)`), image);
          assertEquals(await query(`count(${disk}/readonly)`), readOnly ? "1" : "0");
        }
        for (const { ring } of parts.rings) {
          const shmem = `//shmem[@name="${plan.name}-${ring.name}"]`;
          const kibibytes = Number(await query(`string(${shmem}/size)`));
          // A power of two that is enough, and at most twice as much, or a mebibyte.
          assertEquals(Number.isInteger(Math.log2(kibibytes)), true);
          assertEquals(kibibytes * 1024 >= ring.sizeBytes, true);
          assertEquals(kibibytes === 1024 || kibibytes * 512 < ring.sizeBytes, true);
          shared.push(ring.name);
        }
        assertEquals(await query("count(//shmem)"), String(parts.rings.length));
        const restarts = parts.domain.recovery.policy === "restart";
        assertEquals(await query("string(//on_crash)"), restarts ? "restart" : "destroy");
      }
      assertEquals(
        shared.sort(),
        plan.rings.flatMap((ring) => [ring.name, ring.name]).sort(),
      );
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
  Deno.test({ name: `libvirt, ${name}: its schema takes each domain`, ignore, fn });
}
