// Programs of random instructions against the host's emulator.
import { engines } from "./testing/engines.ts";
import { FlatMachine } from "./testing/flat_machine.ts";
import { Random } from "./testing/operands.ts";
import { hasQemu, runInQemu } from "./testing/qemu.ts";
import { randomFlow } from "./testing/random_flow.ts";
import { firstDifference, randomProgram } from "./testing/random_program.ts";

const SEEDS = 24;
/** By what they try: a program of a seed, with enough rounds for code to become hot and to be improved. */
const programs: Record<string, (seed: number) => Uint8Array<ArrayBuffer>> = {
  instructions: (seed) => randomProgram(seed, 5000),
  flow: (seed) => randomFlow(new Random(seed), 2000),
};

// Seeds after "--" are run instead.
const seeds = Deno.args.length > 0
  ? Deno.args.map(Number)
  : Array.from({ length: SEEDS }, (_, index) => index + 1);

for (const [kind, make] of Object.entries(programs)) {
  Deno.test({
    name: `random programs: ${kind}`,
    ignore: !hasQemu,
    async fn() {
      const machines = Object.entries(engines).map(([name, makeEngine]) => ({
        name,
        machine: new FlatMachine(makeEngine),
      }));
      for (const seed of seeds) {
        const program = make(seed);
        const expected = await runInQemu(program);
        for (const { name, machine } of machines) {
          machine.load(program);
          const { output, status, stop } = machine.run();
          const wrong = status === 0
            ? firstDifference(expected, output)
            : `stops for reason ${stop} at 0x${machine.pc.toString(16)}`;
          if (wrong === undefined) continue;
          const file = new URL(import.meta.url).pathname.split("/").pop();
          throw new Error(`${name}: ${wrong}; replay: deno test -A ${file} -- ${seed}`);
        }
      }
    },
  });
}
