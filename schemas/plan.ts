// The plan: what the compiler makes of a manifest and the runtime boots. Everything is resolved and
// every number derived; nothing in it is optional in spirit. Sizes are bytes, addresses are physical
// unless said otherwise, durations carry their unit in the name. Plain data: it survives JSON.
import type { MachinePlan } from "./machine_plan.ts";

/** How a domain is kept apart. */
export type Isolation = "none" | "worker" | "process";

/** What clients get while a service domain is down. */
export type ClientContract = "retry" | "error";

/** A machine, ready to boot. */
export interface Plan {
  /** format of this structure; the runtime refuses another */
  version: 1;
  /** name of the system */
  name: string;
  /** memory, devices and IOMMU */
  machine: MachinePlan;
  /** the primary first */
  domains: DomainPlan[];
  /** the channels between domains */
  rings: RingPlan[];
  /** system-call number -> component and domain that serve it; what is not here answers ENOSYS */
  routes: RoutePlan[];
  /** the tree of files */
  mounts: MountPlan[];
  /** in the order in which they start, as far as they do not wait for each other */
  programs: ProgramPlan[];
  /** what is to go wrong */
  faults?: FaultPlan[];
  /** what to tell when all programs are ready */
  ready?: string;
}

/** Ways in which the kernel code of a domain goes wrong. */
export type DomainFault = "crash" | "hang" | "exhaust" | "slow" | "corrupt-ring" | "wild-dma";

/** Ways in which a device goes wrong. */
export type DeviceFault = "disk-error" | "disk-full" | "packet-loss";

/** Something that goes wrong, as far as it matters to who brings it about. */
export interface FaultDescription {
  /** what it is */
  kind: DomainFault | DeviceFault;
  /** slow: how much later answers come */
  byMs?: number;
  /** packet-loss: probability of each frame */
  rate?: number;
  /** packet-loss: what is lost is drawn from it */
  seed?: number;
  /** how long; absent: one request for "disk-error", else to the end of the domain's instance or the machine */
  forMs?: number;
}

/** A fault with its place and its moments: exactly one of `requests` and `atMs`. */
export interface FaultPlan extends FaultDescription {
  /** name of the service domain or the device */
  place: string;
  /** which of the two that is */
  at: "domain" | "device";
  /** instead of certain requests */
  requests?: {
    /** their name; absent: all count */
    call?: string;
    /** their numbers by interface, or by device model */
    numbers: Record<string, number>;
    /** how many to count before each occurrence; counting begins anew with each, and with each restart */
    counts: number[];
  };
  /** times from when programs may start, in order */
  atMs?: number[];
}

/** A unit of isolation: what it holds, and what it may touch. */
export interface DomainPlan {
  /** as the manifest names it */
  name: string;
  /** index in the plan; the primary is 0 */
  id: number;
  /** runs the programs, and the slices that are placed nowhere else */
  primary: boolean;
  /** how it is kept apart */
  isolation: Isolation;
  /** what it may fill */
  memory: {
    /** physical address and size of its memory object: DMA, page cache, device queues */
    address: number;
    sizeBytes: number;
    /** limit on its own heap (JavaScript), enforced by the mechanism where it can */
    heapBytes: number;
  };
  /** what runs in it */
  components: ComponentPlan[];
  /** names of its devices */
  devices: string[];
  /** what the host lets it do: always nothing, stated so that it can be read and checked */
  permissions: {
    read: string[];
    write: string[];
    net: string[];
    env: string[];
    run: string[];
    ffi: string[];
  };
  /** what happens when it fails */
  recovery: RecoveryPlan;
}

/** A component where it is placed, with its neighbours. */
export interface ComponentPlan {
  /** unique in its domain: the component's name, with its slice before it where that is needed */
  name: string;
  /** name in the catalogue of components */
  component: string;
  /** from interface needed to who provides it; `ring` where the edge crosses domains */
  needs: { interface: string; component: string; domain: string; transport: "call" | "ring" }[];
  /** device it drives */
  device?: string;
  /** what the component is told when it is made */
  settings: Record<string, unknown>;
}

/** What happens when a domain fails. */
export interface RecoveryPlan {
  /** never restarted: "fail" ends the machine, and is what the primary has */
  policy: "restart" | "fail";
  /** what its callers get meanwhile */
  clients: ClientContract;
  /** least time from when an instance is ready to the start of the next */
  backoffMs: number;
  /** after that many it is given up */
  maxRestarts: number;
  /** whether a process stands by for the next restart */
  standby: boolean;
  /** no progress on pending work for this long counts as failed */
  heartbeatMs: number;
}

/** A request and a completion queue that exactly two domains share, with their arena. */
export interface RingPlan {
  /** client, server and interface */
  name: string;
  /** domain that calls */
  client: string;
  /** domain that answers */
  server: string;
  /** interface whose calls cross it: "files" for system calls on files, "disk" for block requests */
  interface: string;
  /** entries in each queue, a power of two */
  depth: number;
  /** payload arena */
  arenaBytes: number;
  /** look for work this long before sleeping, where the last wait was shorter */
  spinUs: number;
  /** each call signals the server, and its caller waits with the whole hart; absent: exceptionless */
  style?: "trap";
  /** the client keeps pages of files that it read, as long as nothing changes them; absent: it keeps none */
  clientCache?: true;
  /** physical address of the whole ring */
  address: number;
  /** of the whole ring */
  sizeBytes: number;
}

/** Who serves a system call. */
export interface RoutePlan {
  /** as the programs say it */
  number: number;
  /** as the manual names it */
  name: string;
  /** component that serves it, as its domain names it */
  component: string;
  /** domain that holds it */
  domain: string;
}

/** A file system, and where it is mounted. */
export interface MountPlan {
  /** absolute path of its mount point */
  path: string;
  /** its name in `/proc/mounts` */
  type: "ext4" | "tmpfs" | "devtmpfs" | "proc" | "sysfs";
  /** domain that holds it */
  domain: string;
  /** component that serves it, as the domain names it */
  component: string;
  /** the mount's index among those of its component: what Private.mount is asked for */
  index: number;
}

/** A program to start. */
export interface ProgramPlan {
  /** as the manifest names it */
  name: string;
  /** a TypeScript module, or a program in a file of the machine (ELF or script) */
  kind: "native" | "elf";
  /** native: absolute path of the module, as the host sees it */
  module?: string;
  /** elf: absolute path of the file, as the machine sees it */
  path?: string;
  /** what it is told its name is: the first of its arguments */
  argv0: string;
  /** its further arguments */
  args: string[];
  /** its environment */
  env: Record<string, string>;
  /** its working directory */
  cwd: string;
  /** its user */
  uid: number;
  /** its group */
  gid: number;
  /** virtio-console port for its standard input and output */
  console: number;
  /** virtio-console port for its standard error */
  errors: number;
  /** whether what the host reads is its standard input; else that is empty */
  stdin: "none" | "console";
  /** whether its console is a terminal: whoever boots the machine knows */
  terminal: boolean;
  /** what other programs have to have done before it starts */
  dependsOn?: { program: string; until: "started" | "healthy" | "finished" }[];
  /** how to tell whether it works */
  health?: HealthPlan;
  /** whether it is started again when it has ended; absent: never */
  restart?: { when: "on-failure" | "always"; limit: number; backoffMs: number };
  /** how it is asked to end, in place of SIGTERM, and how long it then has */
  stop?: { signal: number; timeoutMs: number };
}

/** How to tell whether a program works: another one that ends with 0, or a port that takes connections. */
export interface HealthPlan {
  /** path of the other program in the machine, and its arguments */
  run?: string[];
  /** port of the machine's own address 127.0.0.1 */
  connect?: number;
  /** from one answer to the next question */
  intervalMs: number;
  /** no answer for this long is one: it does not work */
  timeoutMs: number;
  /** as many failures in a row make it unhealthy */
  retries: number;
  /** failures in this time from the start do not count */
  startPeriodMs: number;
}
