// `compose export` as a user meets it: where files go, exit codes, JSON; and that nothing of a plan is lost in silence.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { targets } from "../../compose/export/targets.ts";
import { examplePlan, exportedPlans } from "./exported_plans.ts";
import { tell } from "../fixtures/host_tools.ts";

const root = new URL("../../", import.meta.url).pathname;
const example = "examples/architectures/vertical.yaml";
const broken = "compose/check/faults/E0305_mixed_isolation.yaml";

const run = (...args: string[]) =>
  tell(
    Deno.execPath(),
    ["run", "--quiet", "-R", "-W", "--allow-env", "compose/cli/main.ts", "export", ...args],
    { cwd: root, env: { NO_COLOR: "1" } },
  );

Deno.test("export: what the library makes of the plan, on standard output or in a folder", async () => {
  const plan = await examplePlan(example);
  const out = Deno.makeTempDirSync();
  try {
    for (const [target, toFiles] of Object.entries(targets)) {
      const files = toFiles(plan);
      const printed = await run("--to", target, example);
      assertEquals([printed.code, printed.err], [0, ""]);
      assertEquals(printed.out, files.map(({ text }) => text).join("\n"));
      const json = await run("--json", "--to", target, example);
      assertEquals([json.code, JSON.parse(json.out)], [0, { target, files }]);
      const written = await run("--to", target, "--out", `${out}/new/${target}`, example);
      assertEquals(written, {
        code: 0,
        out: files.map(({ name }) => `${out}/new/${target}/${name}\n`).join(""),
        err: "",
      });
      for (const { name, text } of files) {
        assertEquals(Deno.readTextFileSync(`${out}/new/${target}/${name}`), text);
      }
    }
  } finally {
    Deno.removeSync(out, { recursive: true });
  }
});

Deno.test("export: 1 for a broken manifest, 2 for wrong use", async () => {
  const diagnosed = await run("--to", "qemu", broken);
  assertEquals([diagnosed.code, diagnosed.out], [1, ""]);
  assertStringIncludes(diagnosed.err, "error[E0305]");
  const data = await run("--json", "--to", "qemu", broken);
  assertEquals([data.code, data.err], [1, ""]);
  assertEquals(JSON.parse(data.out).diagnostics[0].code, "E0305");
  const unknown = await run("--to", "bochs", example);
  assertEquals([unknown.code, unknown.err], [
    2,
    'compose: Unknown target "bochs": device-tree, qemu, libvirt, xen, microkit\n',
  ]);
  assertEquals((await run(example)).code, 2);
  const file = `${root}${example}`;
  const notAFolder = await run("--to", "qemu", "--out", file, example);
  assertEquals(notAFolder.code, 2);
  assertStringIncludes(notAFolder.err, "Cannot write the export to");
});

Deno.test("export: the same plan gives the same files", async () => {
  const again = await exportedPlans();
  for (const [name, plan] of await exportedPlans()) {
    for (const [target, toFiles] of Object.entries(targets)) {
      assertEquals(toFiles(plan), toFiles(again.get(name)!), `${target} of ${name}`);
    }
  }
});

Deno.test("export: names and numbers of all that a plan has are in each target's files", async () => {
  for (const [name, plan] of await exportedPlans()) {
    for (const [target, toFiles] of Object.entries(targets)) {
      const text = toFiles(plan).map((file) => file.text).join("").replaceAll("- -", "--");
      const said = [
        ...plan.domains.flatMap(({ components, recovery }) => [
          ...components.map((one) => one.name),
          ...recovery.policy === "restart"
            ? [`at most ${recovery.maxRestarts} times, ${recovery.backoffMs} ms`]
            : [],
        ]),
        ...plan.machine.devices.flatMap((device) => [
          `Device ${device.name} (${device.model}), driven by ${device.driver}: ` +
          `registers 0x${device.registers.toString(16)}, interrupt ${device.interrupt};`,
          ...device.image === undefined ? [] : [JSON.stringify(device.image)],
          ...device.network ? [device.network.mac] : [],
          ...device.network?.backend.kind === "user"
            ? device.network.backend.allow.map(({ host }) => host)
            : [],
        ]),
        ...plan.rings.flatMap((ring) => [
          `Ring ${ring.name}: ${ring.interface}, ${ring.client} calls ${ring.server}; ` +
          `${ring.depth} entries`,
        ]),
        ...plan.mounts.map(({ path, type }) => `mount: "${path}" is ${type}`),
        ...plan.programs.map((program) => `program: ${program.name} is`),
        ...(plan.faults ?? []).map(({ kind, place }) => `fault: ${kind} in ${place}`),
        ...plan.routes.map(({ component, domain }) => `served by ${component} in ${domain}`),
      ];
      for (const one of new Set(said)) {
        if (!text.includes(one)) throw new Error(`${target} of ${name} does not say: ${one}`);
      }
    }
  }
});
