// The tree of /sys (sysfs(5)): what programs and tools look for of the machine's hart, disks and interfaces. What
// the machine does not have is not there.
import { directory, line, type ProcDirectory } from "../../vfs/proc_node.ts";
import type { InternetSockets } from "../socket/internet_sockets.ts";
import { blockDevices, type Disk } from "./block_devices.ts";
import { networkClass } from "./network_class.ts";

/** What the kernel cannot see of the machine by itself: devices whose drivers may be anywhere. */
export interface Hardware {
  /** in the order of their names */
  disks: Disk[];
  /** whether there is a network interface besides loopback */
  network: boolean;
}

/** The one hart, as lists of processors have it. */
const HARTS = "0";
/** And as sets of bits do. */
const HART_BITS = "1";
const CLOCK = "riscv_clocksource";

function processors(): ProcDirectory {
  const topology = directory({
    core_id: line(0),
    physical_package_id: line(0),
    core_cpus: line(HART_BITS),
    core_cpus_list: line(HARTS),
    core_siblings: line(HART_BITS),
    core_siblings_list: line(HARTS),
    thread_siblings: line(HART_BITS),
    thread_siblings_list: line(HARTS),
  });
  return directory({
    kernel_max: line(0),
    offline: line(""),
    online: line(HARTS),
    possible: line(HARTS),
    present: line(HARTS),
    cpu0: directory({ topology }),
  });
}

/** @param internet the machine's sockets, where somebody serves them */
export function systemTree(
  internet: InternetSockets | undefined,
  { disks, network }: Hardware,
): ProcDirectory {
  const block = blockDevices(disks);
  return directory({
    block: block.byName,
    class: directory({
      block: block.byClass,
      ...(internet === undefined ? {} : { net: networkClass(internet, network) }),
    }),
    dev: directory({ block: block.byNumber, char: directory({}) }),
    devices: directory({
      ...block.devices,
      system: directory({
        clocksource: directory({
          clocksource0: directory({
            available_clocksource: line(CLOCK),
            current_clocksource: line(CLOCK),
          }),
        }),
        cpu: processors(),
      }),
    }),
    fs: directory({}),
    kernel: directory({
      mm: directory({
        transparent_hugepage: directory({ enabled: line("always madvise [never]") }),
      }),
    }),
  });
}
