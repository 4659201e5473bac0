// The constructors of the components that schemas/components.ts describes.
import type { ComponentConstructor } from "./component.ts";
import { createVirtioBlk } from "./drivers/virtio_blk_driver.ts";
import { createVirtioConsole } from "./drivers/virtio_console_driver.ts";
import { createVirtioNet } from "./drivers/virtio_net_driver.ts";
import { createVirtioRng } from "./drivers/virtio_rng_driver.ts";
import { createSockets } from "./network/sockets/sockets.ts";
import { createProcess } from "./process/process_component.ts";
import { createExt4 } from "./storage/ext4/ext4.ts";
import { createDevfs } from "./vfs/devfs.ts";
import { createProcfs } from "./vfs/procfs.ts";
import { createSysfs } from "./vfs/sysfs.ts";
import { createTcpip } from "./network/tcpip/tcpip.ts";
import { createTmpfs } from "./storage/tmpfs/tmpfs.ts";
import { createVfs } from "./vfs/vfs.ts";

export const constructors: Record<string, ComponentConstructor> = {
  "process": createProcess,
  "sockets": createSockets,
  "vfs": createVfs,
  "ext4": createExt4,
  "tmpfs": createTmpfs,
  "devfs": createDevfs,
  "procfs": createProcfs,
  "sysfs": createSysfs,
  "tcpip": createTcpip,
  "virtio-blk": createVirtioBlk,
  "virtio-console": createVirtioConsole,
  "virtio-net": createVirtioNet,
  "virtio-rng": createVirtioRng,
};
