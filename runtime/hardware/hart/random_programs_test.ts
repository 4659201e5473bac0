// Programs of random instructions against the host's emulator.
import { engines } from "./testing/engines.ts";
import { FlatMachine } from "./testing/flat_machine.ts";
import { hasQemu, runInQemu } from "./testing/qemu.ts";
import { firstDifference, randomProgram } from "./testing/random_program.ts";

const SEEDS = 24;
/** Enough for code to become hot, and to be improved once more. */
const ROUNDS = 5000;

// Seeds after "--" are run instead.
const seeds = Deno.args.length > 0
  ? Deno.args.map(Number)
  : Array.from({ length: SEEDS }, (_, index) => index + 1);

Deno.test({
  name: "random programs",
  ignore: !hasQemu,
  async fn() {
    const machines = Object.entries(engines).map(([name, makeEngine]) => ({
      name,
      machine: new FlatMachine(makeEngine),
    }));
    for (const seed of seeds) {
      const program = randomProgram(seed, ROUNDS);
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
