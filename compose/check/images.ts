// Disks have images, one each, that exist or can be made.
import { pathAt } from "../source/load.ts";
import type { Rule } from "./context.ts";

export const checkImages: Rule = ({ system, root, existing, report, at, key }) => {
  const users = new Map<string, string>();
  for (const [name, device] of Object.entries(system.machine.devices)) {
    const place = ["machine", "devices", name];
    if (device.model !== "virtio-blk") {
      if (device.image === undefined) continue;
      report({
        code: "E0604",
        message: `a ${device.model} has no image`,
        span: at(...place, "image"),
        hint: "model: virtio-blk has one",
      });
      continue;
    }
    if (device.image === undefined) {
      report({
        code: "E0603",
        message: `disk "${name}" has no image`,
        span: key(...place),
        hint: `image: ${name}.img`,
      });
      continue;
    }
    const path = pathAt(root, [...place, "image"], device.image);
    const other = users.get(path);
    if (other !== undefined) {
      report({
        code: "E0602",
        message: `disks "${other}" and "${name}" use the same image`,
        span: at(...place, "image"),
        label: "also used here",
        related: [{
          span: at("machine", "devices", other, "image"),
          message: `first used by "${other}"`,
        }],
        hint: "two writers destroy a file system",
      });
    }
    users.set(path, name);
    if (!existing.has(path) && !device.create) {
      report({
        code: "E0601",
        message: `image "${device.image}" of disk "${name}" does not exist`,
        span: at(...place, "image"),
        hint: "create: { format: ext4, size: 64MiB } makes it",
      });
    }
  }
};
