// The tree of /proc (proc(5)): the machine's files, and a directory for every process.
import { E, fail } from "../../errno.ts";
import type { Credential } from "../../service.ts";
import { directory, linkTo, type ProcDirectory, type ProcLink, text } from "../../vfs/proc_node.ts";
import type { Process } from "../process.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import {
  cpuInfoText,
  loadAverage,
  memoryCountsText,
  memoryInfoText,
  statText,
  uptimeText,
  versionText,
} from "./machine_text.ts";
import { networkDirectory } from "./network_directory.ts";
import { processDirectory } from "./process_directory.ts";
import { DISK_MAJOR, partitionsText } from "../sysfs/block_devices.ts";
import type { Hardware } from "../sysfs/system_tree.ts";
import { settingsTree } from "./settings_tree.ts";

/** A link that leads everybody to themselves. */
function ownLink(path: (pid: number) => string): ProcLink {
  return {
    kind: "link",
    target: (caller: Credential | undefined) =>
      caller?.pid === undefined ? fail(E.ENOENT) : path(caller.pid),
  };
}

/** Who has the numbers of devices. */
const DEVICES = [
  "Character devices:",
  "  1 mem",
  "  5 /dev/tty",
  "  5 /dev/ptmx",
  "136 pts",
  "229 hvc",
  "",
  "Block devices:",
  `${DISK_MAJOR} virtblk`,
  "",
].join("\n");

/** @param pidMax highest process number */
export function procTree(
  kernel: ProcessKernel,
  pidMax: number,
  { disks }: Hardware,
): ProcDirectory {
  const machine = directory({
    self: ownLink(String),
    "thread-self": ownLink((pid) => `${pid}/task/${pid}`),
    mounts: linkTo("self/mounts"),
    net: linkTo("self/net"),
    cmdline: text(() => "\n"),
    devices: text(() => DEVICES),
    partitions: text(() => partitionsText(disks)),
    cpuinfo: text(cpuInfoText),
    filesystems: text(() =>
      "\text4\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tproc\nnodev\tsysfs\nnodev\tmqueue\n"
    ),
    loadavg: text(loadAverage(kernel)),
    meminfo: text(() => memoryInfoText(kernel)),
    stat: text(() => statText(kernel)),
    uptime: text(() => uptimeText(kernel)),
    version: text(versionText),
    vmstat: text(() => memoryCountsText(kernel)),
    sys: settingsTree(kernel, pidMax),
  });
  const net = networkDirectory(kernel);
  const directories = new WeakMap<Process, ProcDirectory>();
  return {
    ...machine,
    *names() {
      yield* machine.names();
      for (const { pid } of kernel.all) yield String(pid);
    },
    find(name) {
      const process = /^[1-9]\d*$/.test(name) ? kernel.process(Number(name)) : undefined;
      if (process === undefined) return machine.find(name);
      let found = directories.get(process);
      if (found === undefined) directories.set(process, found = processDirectory(process, net));
      return found;
    },
  };
}
