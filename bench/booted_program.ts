// Runs one native program on a machine of the examples, for measurements from inside.
import { boot, compile, load, type Plan } from "../mod.ts";

/**
 * Boots an example with one program and returns what that printed.
 *
 * @param module beside this file
 * @param image path of the disk's image; made where there is none
 */
export async function runProgram(
  manifest: string,
  image: string,
  module: string,
  args: string[],
  change: (plan: Plan) => void = () => {},
): Promise<string> {
  const { plan } = compile(await load(new URL(`../examples/${manifest}`, import.meta.url)));
  if (plan === undefined) throw new Error(`Cannot compile ${manifest}`);
  for (const device of plan.machine.devices) if (device.image) device.image = image;
  const path = decodeURIComponent(new URL(module, import.meta.url).pathname);
  plan.programs = [{ ...plan.programs[0], name: "bench", module: path, args, console: 0 }];
  change(plan);
  let text = "";
  const machine = await boot(plan, {
    onOutput: (_name, bytes) => text += new TextDecoder().decode(bytes),
  });
  const { programs } = await machine.wait();
  if (programs[0].status !== 0) throw new Error(`The program failed: ${text}`);
  return text;
}
