// Programs in C that check by themselves what they find: as a test that runs all of a folder on one machine.
import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../fixtures/boot_harness.ts";
import { lacksTools } from "./cross_compiler.ts";
import { runOnMachine, runUnderQemu } from "./program_runs.ts";

/**
 * A test of programs, with a step for each.
 * @param sources folder of `<name>.c`
 * @param compared programs that do the same under QEMU's user mode as on Linux: the machine has to agree with it
 * @param alone programs that QEMU's user mode, or the host it runs on, would answer otherwise: all checks must hold
 */
export function testPrograms(
  title: string,
  sources: URL,
  compared: string[],
  alone: string[],
): void {
  Deno.test({
    name: title,
    ignore: lacksTools("Programs in C"),
    fn: (test) =>
      withFolder(async (folder) => {
        const ended = await runOnMachine(sources, [...compared, ...alone], folder);
        for (const name of compared) {
          await test.step(`${name}, as under QEMU`, async () => {
            const expected = await runUnderQemu(name, folder);
            assertEquals(expected.status, 0, `the oracle itself fails: ${expected.out}`);
            assertEquals(ended.get(name), expected);
          });
        }
        for (const name of alone) {
          await test.step(`${name}, as the man pages say`, () => {
            const { status, out, err } = ended.get(name)!;
            assertEquals({ status, err }, { status: 0, err: "" }, out);
            assertMatch(out, /^\d+ checks, 0 failed\n$/m);
          });
        }
      }),
  });
}
