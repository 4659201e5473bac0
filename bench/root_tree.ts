// The root file system of a machine as a tree of the host, for programs that run under QEMU.
import { boot, type Plan } from "../mod.ts";

/** Makes the image of a plan, and puts what is in it into `<folder>/root`. @returns that path */
export async function rootTree(plan: Plan, folder: string): Promise<string> {
  const root = `${folder}/root`;
  let image = "";
  const machine = await boot({ ...plan, programs: [] }, {
    onEvent: (event) => {
      if (event.kind === "image-ready") image = event.image;
    },
  });
  await machine.stop();
  Deno.mkdirSync(root);
  new Deno.Command("debugfs", { args: ["-R", `rdump / ${root}`, image] }).outputSync();
  return root;
}
