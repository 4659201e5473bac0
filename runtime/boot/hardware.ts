// What is told to the primary's kernel of devices that are not its own.
import type { Hardware } from "../kernel/process/sysfs/system_tree.ts";
import { diskNumber } from "../kernel/process/sysfs/block_devices.ts";
import type { DeviceNumber } from "../kernel/process/path/mounts.ts";
import type { ComponentPlan, MountPlan, Plan } from "../../schemas/plan.ts";

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

/** The number of the disk that a file system of the plan is on; undefined where it is on none. */
export function diskOf(
  { domains, machine: { devices } }: Plan,
  { domain, component, index }: MountPlan,
): DeviceNumber | undefined {
  const disks = devices.filter(({ model }) => model === "virtio-blk").map(({ name }) => name);
  const planned = (at: { domain: string; component: string } | undefined) =>
    domains.find(({ name }) => name === at?.domain)?.components
      .find(({ name }) => name === at?.component);
  const needs = (from: ComponentPlan | undefined, wanted: string, nth = 0) =>
    from?.needs.filter((need) => need.interface === wanted)[nth];
  const filesystem = planned(needs(planned({ domain, component }), "filesystem", index));
  const driver = planned(needs(filesystem, "disk"));
  const disk = disks.indexOf(driver?.device ?? "");
  return disk < 0 ? undefined : diskNumber(disk);
}
