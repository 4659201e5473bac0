// procfs: what the kernel tells about itself and its processes (proc(5)).
import type { Component } from "../component.ts";
import type { Environment } from "../environment.ts";
import { NodeFileSystem } from "./node_filesystem.ts";
import type { ProcDirectory } from "./proc_node.ts";

const PROC_MAGIC = 0x9fa0;

/** The tree that procfs shows, supplied by the process component once there is one. */
export type ProcessView = ProcDirectory;

export function createProcfs(environment: Environment): Component {
  const kind = { type: "proc", magic: PROC_MAGIC, fileBytes: 0 };
  const filesystem = new NodeFileSystem(environment, kind);
  return { provides: { filesystem, processView: (view: ProcessView) => filesystem.view = view } };
}
