// sysfs: what the kernel tells about the machine's devices (sysfs(5)).
import type { Component } from "../component.ts";
import type { Environment } from "../environment.ts";
import { NodeFileSystem } from "./node_filesystem.ts";
import type { ProcDirectory } from "./proc_node.ts";

const SYSFS_MAGIC = 0x6265_6572;
/** One value a file, in a page at most. */
const FILE_BYTES = 4096;

/** The tree that sysfs shows, supplied by the process component once there is one. */
export type SystemView = ProcDirectory;

export function createSysfs(environment: Environment): Component {
  const kind = { type: "sysfs", magic: SYSFS_MAGIC, fileBytes: FILE_BYTES };
  const filesystem = new NodeFileSystem(environment, kind);
  return { provides: { filesystem, systemView: (view: SystemView) => filesystem.view = view } };
}
