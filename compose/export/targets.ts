// The table of exports: what `compose export --to` knows.
import { toDeviceTree } from "./device_tree.ts";
import type { Exporter } from "./exported.ts";
import { toLibvirt } from "./libvirt.ts";
import { toMicrokit } from "./microkit.ts";
import { toQemu } from "./qemu.ts";
import { toXen } from "./xen.ts";

/** Exporters by the name of their target. */
export const targets: Record<string, Exporter> = {
  "device-tree": toDeviceTree,
  qemu: toQemu,
  libvirt: toLibvirt,
  xen: toXen,
  microkit: toMicrokit,
};
