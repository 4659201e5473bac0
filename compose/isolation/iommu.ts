// Layout -> device contexts after the RISC-V IOMMU specification 1.0: the second stage of a device maps
// the memory of its domain and nothing else.
import type { DevicePlan, IommuPlan } from "../../schemas/machine_plan.ts";
import type { Layout } from "../plan/memory_map.ts";

export function planIommu(layout: Layout, devices: DevicePlan[]): IommuPlan {
  return {
    directory: layout.directory,
    contexts: devices.map((device) => {
      const guestContext = layout.spaces.findIndex((space) => space.name === device.domain);
      const { address, sizeBytes } = layout.spaces[guestContext];
      return {
        device: device.name,
        deviceId: device.id,
        domain: device.domain,
        guestContext,
        processContext: device.id,
        firstStage: "Sv39",
        secondStage: "Sv39x4",
        windows: [{ address, sizeBytes }],
      };
    }),
  };
}
