// The catalogue of kernel components: what each provides and needs, and which device it drives.
// Both halves read it: the compiler to check placements, the runtime to wire neighbours.

/** An interface between components, and whether an edge over it can cross domains. */
export interface InterfaceDescription {
  name: string;
  /** "ring": calls and data can be carried by a ring; "call": same address space only */
  transport: "ring" | "call";
  /** a ring over it carries so many bytes at once: the least size of its slots */
  slotBytes?: number;
  /** one that needs it may have several, and is handed an array */
  many?: boolean;
  /** for people: what crosses it */
  summary: string;
}

export interface ComponentDescription {
  name: string;
  summary: string;
  provides: string[];
  needs: string[];
  /** what it uses where somebody provides it */
  wants?: string[];
  /** device model it drives */
  device?: "virtio-blk" | "virtio-console" | "virtio-net" | "virtio-rng";
  /** group of system calls it serves, as in schemas/syscalls.ts */
  serves?: string;
  /** must be in the primary domain: it keeps state of user processes */
  primaryOnly?: boolean;
}

export const interfaces: InterfaceDescription[] = [
  { name: "files", transport: "ring", many: true, summary: "system calls on files and paths" },
  { name: "filesystem", transport: "call", many: true, summary: "inodes and directories" },
  { name: "disk", transport: "ring", summary: "block requests" },
  { name: "sockets", transport: "ring", summary: "system calls on sockets" },
  { name: "transport", transport: "call", summary: "connections and datagrams" },
  // A packet of 64 KiB behind an Ethernet header, and what is said of it.
  {
    name: "frames",
    transport: "ring",
    slotBytes: 65568,
    summary: "frames of a network interface",
  },
  { name: "terminal", transport: "call", summary: "characters to and from a console port" },
  { name: "entropy", transport: "call", summary: "random bytes" },
];

export const components: ComponentDescription[] = [
  {
    name: "process",
    summary: "processes, descriptors, mount table, pipes; always in the primary domain",
    provides: ["syscalls"],
    needs: ["files"],
    wants: ["sockets"],
    serves: "process",
    primaryOnly: true,
  },
  {
    name: "vfs",
    summary: "paths, permissions, open files, locks",
    provides: ["files"],
    needs: ["filesystem"],
    serves: "files",
  },
  {
    name: "ext4",
    summary: "ext4 with journal and page cache",
    provides: ["filesystem"],
    needs: ["disk"],
  },
  {
    name: "sockets",
    summary: "sockets of the Internet families, and what netlink tells of interfaces",
    provides: ["sockets"],
    needs: ["transport"],
    serves: "sockets",
  },
  {
    name: "tcpip",
    summary: "TCP, UDP, ICMP, IPv4 and IPv6, over loopback and a network interface",
    provides: ["transport"],
    needs: [],
    wants: ["frames"],
  },
  { name: "tmpfs", summary: "files in memory", provides: ["filesystem"], needs: [] },
  {
    name: "devfs",
    summary: "/dev: null, zero, full, random, console",
    provides: ["filesystem"],
    needs: ["terminal", "entropy"],
  },
  {
    name: "procfs",
    summary: "/proc: processes and the machine",
    provides: ["filesystem"],
    needs: [],
    primaryOnly: true,
  },
  {
    name: "sysfs",
    summary: "/sys: the machine's devices",
    provides: ["filesystem"],
    needs: [],
    primaryOnly: true,
  },
  {
    name: "virtio-blk",
    summary: "disk driver",
    provides: ["disk"],
    needs: [],
    device: "virtio-blk",
  },
  {
    name: "virtio-console",
    summary: "console driver",
    provides: ["terminal"],
    needs: [],
    device: "virtio-console",
  },
  {
    name: "virtio-net",
    summary: "network driver",
    provides: ["frames"],
    needs: [],
    device: "virtio-net",
  },
  {
    name: "virtio-rng",
    summary: "entropy driver",
    provides: ["entropy"],
    needs: [],
    device: "virtio-rng",
  },
];
