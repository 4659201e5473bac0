// System descriptions for the Microkit, against the rules of its manual, read by a parser that is not ours. The SDK's
// own tool is in no distribution, and builds nothing here.
import { assertEquals, assertThrows } from "@std/assert";
import { Inexpressible } from "../../compose/export/exported.ts";
import { toMicrokit } from "../../compose/export/microkit.ts";
import type { Plan } from "../../schemas/plan.ts";
import { examplePlan, exportedPlans } from "./exported_plans.ts";
import { lacks, tell } from "../fixtures/host_tools.ts";

const rules = new URL("microkit_rules.py", import.meta.url).pathname;
const ignore = lacks("Tests of the Microkit's descriptions", "xmllint", "python3");
const LARGE_PAGE = 2 << 20;

const hex = (value: number) => `0x${value.toString(16)}`;

/** Region, size, address, and who maps it. */
function expectedShares(plan: Plan): string[] {
  const [primary] = plan.domains;
  const user = plan.machine.userMemoryBytes;
  return [
    ...plan.rings.map(({ name, sizeBytes, client, server }) =>
      `ring.${name} ${hex(sizeBytes)} None ${[client, server].sort().join(" ")}`
    ),
    ...plan.domains.map(({ name, memory }) =>
      `memory.${name} ${hex(memory.sizeBytes)} None ${name}`
    ),
    `programs ${hex(user - user % LARGE_PAGE)} None ${primary.name}`,
    ...plan.machine.devices.map(({ name, registers, domain }) =>
      `registers.${name} 0x1000 ${hex(registers)} ${domain}`
    ),
  ].sort();
}

for (const [name, plan] of await exportedPlans()) {
  const fn = async () => {
    const [{ text }] = toMicrokit(plan);
    assertEquals(await tell("xmllint", ["--noout", "-"], { stdin: text }), {
      code: 0,
      out: "",
      err: "",
    });
    const { code, out, err } = await tell("python3", [rules, "shares"], { stdin: text });
    assertEquals([code, err], [0, ""]);
    assertEquals(out.trim().split("\n").sort(), expectedShares(plan));
    const fault = /<protection_domain name="supervisor" priority="254">|SUPERVISOR/.test(text);
    assertEquals(fault, plan.domains.some(({ recovery }) => recovery.policy === "restart"));
  };
  Deno.test({ name: `Microkit, ${name}: the manual's rules, and each ring for two`, ignore, fn });
}

Deno.test({
  name: "Microkit: the rules are some",
  ignore,
  fn: async () => {
    const [{ text }] = toMicrokit(await examplePlan("examples/quickstart_trap.yaml"));
    for (
      const [from, to, told] of [
        [/priority="101"/, 'priority="100"', "primary calls storage, which is not above it"],
        [
          /mr="memory.storage" vaddr="\w+"/,
          'mr="memory.storage" vaddr="0x80001000"',
          /at no multiple of its pages[^]*mappings of storage.*overlap/,
        ],
        [/<end pd="storage" id="0"\/>/, '<end pd="storage" id="1"/>', /channel of storage/],
        [/phys_addr="0x10001000"/, 'phys_addr="0x10000000"', /physical memory.*overlap/],
      ] as const
    ) {
      const { out } = await tell("python3", [rules], { stdin: text.replace(from, to) });
      if (typeof told === "string") assertEquals(out.trim(), told);
      else assertEquals(told.test(out), true, `${from}: ${out}`);
    }
  },
});

Deno.test("Microkit: more channels than a protection domain has, and calls in a circle, are refused", async () => {
  const plan = await examplePlan("examples/quickstart_trap.yaml");
  const [ring] = plan.rings;
  const many = Array.from({ length: 64 }, (_, index) => ({ ...ring, name: `ring-${index}` }));
  assertThrows(() => toMicrokit({ ...plan, rings: many }), Inexpressible, "63 channels");
  const back = { ...ring, name: "back", client: ring.server, server: ring.client };
  assertThrows(
    () => toMicrokit({ ...plan, rings: [ring, back] }),
    Inexpressible,
    "call each other",
  );
});
