// What is told to the primary's kernel of devices that are not its own.
import type { Hardware } from "../kernel/process/sysfs/system_tree.ts";
import type { Plan } from "../../schemas/plan.ts";

/** @param bases of disks over images that stay as they are, which are there by now as all images are */
export function hardwareOf(
  { machine: { devices } }: Plan,
  bases: ReadonlyMap<string, { base: string }>,
): Hardware {
  const disks = devices.filter(({ model }) => model === "virtio-blk").map(
    ({ name, image, readOnly = false }) => ({
      sizeBytes: Deno.statSync(bases.get(name)?.base ?? image!).size,
      readOnly,
      serial: name,
    }),
  );
  return { disks, network: devices.some(({ model }) => model === "virtio-net") };
}
