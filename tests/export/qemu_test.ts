// Virtual machines of QEMU, as QEMU itself takes their command lines; and the loop that restarts them.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { toQemu } from "../../compose/export/qemu.ts";
import { machineBytes, partsOf, ringDeviceBytes } from "../../compose/export/parts.ts";
import type { DevicePlan } from "../../schemas/machine_plan.ts";
import type { Plan } from "../../schemas/plan.ts";
import { examplePlan, exportedPlans } from "./exported_plans.ts";
import { COMPILER } from "../guest/cross_compiler.ts";
import { lacks, tell } from "../fixtures/host_tools.ts";

const PROGRAM = "qemu-system-riscv64";
const ignore = lacks("Tests of QEMU's virtual machines", PROGRAM);
const hasIommu = !ignore &&
  (await tell(PROGRAM, ["-device", "help"])).out.includes("riscv-iommu-pci");
if (!ignore && !hasIommu) {
  console.warn("QEMU is asked without a RISC-V IOMMU: it is older than 9.2");
}

/** What QEMU's monitor calls a model. */
const drivers: Record<DevicePlan["model"], string> = {
  "virtio-blk": "virtio-blk-pci",
  "virtio-console": "virtio-serial-pci",
  "virtio-net": "virtio-net-pci",
  "virtio-rng": "virtio-rng-pci",
};

/** Plans that QEMU can start here: without interfaces of the host, and with as much memory as there may be. */
function startable(plan: Plan): Plan {
  const base = plan.domains.map((domain) => ({
    ...domain,
    memory: { ...domain.memory, sizeBytes: Math.min(domain.memory.sizeBytes, 64 << 20) },
  }));
  const devices = plan.machine.devices.map((device) => ({
    ...device,
    ...device.image === undefined ? {} : { image: device.image.split("/").at(-1)! },
    ...device.network && {
      network: {
        ...device.network,
        ...device.network.capture === undefined ? {} : { capture: "all, frames.pcap" },
        backend: device.network.backend.kind === "user"
          // Ports may be taken here.
          ? { ...device.network.backend, forward: [] }
          : device.network.backend,
      },
    },
  }));
  return {
    ...plan,
    domains: base,
    machine: { ...plan.machine, devices, userMemoryBytes: 16 << 20 },
  };
}

/** A script whose rings are in a folder, and whose first console is not the standard input and output. */
function ofThisRun(script: string, folder: string): string {
  return script.replaceAll("/dev/shm/", `${folder}/`).replace(
    /-chardev stdio,id=([^,]+),signal=off/,
    "-chardev null,id=$1",
  );
}

for (const [name, plan] of await exportedPlans()) {
  const tap = plan.machine.devices.some(({ network }) => network?.backend.kind === "tap");
  const fn = async () => {
    const folder = Deno.makeTempDirSync();
    const memories: string[] = [];
    try {
      const started = startable(plan);
      const parts = partsOf(started);
      for (const [index, { name: file, text }] of toQemu(started).entries()) {
        const { domain, devices, rings } = parts[index];
        // Nothing runs: the machine stops before its first instruction.
        Deno.writeTextFileSync(`${folder}/${domain.name}.elf`, "\x13\0\0\0");
        for (const device of devices.filter(({ model }) => model === "virtio-blk")) {
          const image = `${folder}/${device.image ?? `${device.name}.img`}`;
          Deno.writeFileSync(image, new Uint8Array(1 << 20));
        }
        const script = ofThisRun(text, folder);
        Deno.writeTextFileSync(`${folder}/${file}`, script);
        memories.push(...[...script.matchAll(/mem-path=([^,]+),/g)].map(([, path]) => path));
        const { code, out, err } = await tell(
          "timeout",
          ["20", "sh", file, "-S", "-monitor", "stdio"],
          {
            cwd: folder,
            env: hasIommu ? {} : { IOMMU: "" },
            stdin: "info qtree\ninfo memdev\ninfo memory_size_summary\nquit\n",
          },
        );
        assertEquals([code, err], [0, ""], file);
        assertStringIncludes(out, `base memory: ${machineBytes(parts[index])}`);
        for (const device of devices) {
          assertStringIncludes(out, `dev: ${drivers[device.model]}, id "${device.name}"`);
        }
        for (const { ring } of rings) {
          assertStringIncludes(out, `dev: ivshmem-plain, id "ring.${ring.name}"`);
          assertStringIncludes(
            out,
            `memory backend: ring.${ring.name}\r\n  size:  ${ringDeviceBytes(ring)}`,
          );
          const { size } = Deno.statSync(`${folder}/${plan.name}-${ring.name}`);
          assertEquals(size, ringDeviceBytes(ring));
        }
        assertEquals(out.match(/dev: ivshmem-plain/g)?.length ?? 0, rings.length);
        assertEquals(out.includes("dev: riscv-iommu-pci"), hasIommu);
      }
      assertEquals(
        memories.sort(),
        plan.rings.flatMap(({ name }) => Array(2).fill(`${folder}/${plan.name}-${name}`)).sort(),
      );
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
  const skipped = tap ? " (skipped, it takes an interface of the host)" : "";
  Deno.test({
    name: `QEMU, ${name}: it takes each command line${skipped}`,
    ignore: ignore || tap,
    fn,
  });
}

Deno.test({
  name: "QEMU: what one machine writes to a ring, the other reads",
  ignore: ignore || lacks("Kernels of virtual machines", COMPILER),
  fn: async () => {
    const folder = Deno.makeTempDirSync();
    const source = new URL("bare/ring_turn.c", import.meta.url).pathname;
    try {
      const files = toQemu(startable(await examplePlan("examples/quickstart.yaml")));
      Deno.writeFileSync(`${folder}/quickstart.img`, new Uint8Array(1 << 20));
      const ends = files.map(async ({ name, text }, index) => {
        // The service domain goes first.
        const kernel = name.replace(".sh", ".elf");
        const compiled = await tell(COMPILER, [
          ...["-march=rv64ima_zicsr", "-mabi=lp64", "-mcmodel=medany", "-O1", "-ffreestanding"],
          ...["-nostdlib", "-static", "-Wl,-Ttext=0x80000000,--build-id=none,-e,start"],
          ...[`-DTURN=${1 - index}`, "-o", `${folder}/${kernel}`, source],
        ]);
        assertEquals(compiled, { code: 0, out: "", err: "" });
        Deno.writeTextFileSync(`${folder}/${name}`, ofThisRun(text, folder));
        const env = { IOMMU: "" };
        return await tell("timeout", ["60", "sh", name, "-bios", "none"], { cwd: folder, env });
      });
      for (const { code, err } of await Promise.all(ends)) assertEquals([code, err], [0, ""]);
      const [first] = new Uint32Array(
        Deno.readFileSync(`${folder}/quickstart-primary-storage-files`).buffer,
        0,
        1,
      );
      assertEquals(first, 2);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

/** Runs a domain's script over a QEMU that fails so many times, and then ends well. */
async function fails(times: number): Promise<{ code: number; err: string; starts: number }> {
  const folder = Deno.makeTempDirSync();
  try {
    const storage = toQemu(await examplePlan("examples/quickstart.yaml"))[1];
    Deno.writeTextFileSync(`${folder}/${storage.name}`, storage.text);
    Deno.writeTextFileSync(
      `${folder}/${PROGRAM}`,
      `#!/bin/sh\necho start >>starts\n[ "$(wc -l <starts)" -gt ${times} ]\n`,
      { mode: 0o755 },
    );
    const { code, err } = await tell("sh", [storage.name], {
      cwd: folder,
      env: { PATH: `${folder}:/usr/bin:/bin` },
    });
    const starts = Deno.readTextFileSync(`${folder}/starts`).trim().split("\n").length;
    return { code, err, starts };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("QEMU: a machine that fails is started again as often as the plan says", async () => {
  assertEquals(await fails(0), { code: 0, err: "", starts: 1 });
  assertEquals(await fails(30), { code: 0, err: "", starts: 31 });
  assertEquals(await fails(31), { code: 1, err: "storage failed 31 times\n", starts: 31 });
});

Deno.test("QEMU: ports lead where the plan says, and the machine reaches no more than that", async () => {
  const text = (plan: Plan) => toQemu(plan).map(({ text }) => text).join("");
  const plans = await exportedPlans();
  assertStringIncludes(text(plans.get("examples/web.yaml")!), "restrict=on,");
  assertStringIncludes(
    text(plans.get("examples/web.yaml")!),
    ",hostfwd=tcp:127.0.0.1:8080-10.0.2.15:80 ",
  );
  assertStringIncludes(text(plans.get("odd, closed")!), "restrict=on,");
  assertStringIncludes(text(plans.get("odd, closed")!), "[::1]:8081 is left out");
  assertStringIncludes(text(plans.get("odd, open")!), "restrict=off,");
  assertStringIncludes(text(plans.get("odd, tap")!), "-netdev tap,id=backend.net0,ifname=tap7,");
});
