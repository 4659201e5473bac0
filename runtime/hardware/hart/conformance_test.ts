// Every instruction on the operands that matter, against the host's emulator.
import { assertEquals } from "@std/assert";
import { groups } from "./testing/conformance.ts";
import { engines } from "./testing/engines.ts";
import { FlatMachine } from "./testing/flat_machine.ts";
import { hasQemu, runInQemu } from "./testing/qemu.ts";
import { conformanceProgram, differences } from "./testing/sections.ts";

for (const [group, make] of Object.entries(groups)) {
  Deno.test({
    name: `conformance: ${group}`,
    ignore: !hasQemu,
    async fn() {
      const sections = make();
      const program = conformanceProgram(sections);
      const expected = await runInQemu(program);
      for (const [name, makeEngine] of Object.entries(engines)) {
        const machine = new FlatMachine(makeEngine);
        machine.load(program);
        const { output, status } = machine.run();
        assertEquals(status, 0, `${name}: stops at ${machine.pc.toString(16)}`);
        assertEquals(differences(sections, expected, output), [], name);
      }
    },
  });
}
