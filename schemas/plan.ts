// The plan: what the compiler makes of a manifest and the runtime boots. Everything is resolved and
// every number derived; nothing in it is optional in spirit. Sizes are bytes, addresses are physical
// unless said otherwise, durations carry their unit in the name. Plain data: it survives JSON.

/** How a domain is kept apart. */
export type Isolation = "none" | "worker" | "process";

/** What clients get while a service domain is down. */
export type ClientContract = "retry" | "error";

export interface Plan {
  /** format of this structure; the runtime refuses another */
  version: 1;
  name: string;
  machine: MachinePlan;
  domains: DomainPlan[];
  rings: RingPlan[];
  /** system-call number -> component and domain that serve it; what is not here answers ENOSYS */
  routes: RoutePlan[];
  mounts: MountPlan[];
  programs: ProgramPlan[];
}

export interface MachinePlan {
  /** physical memory in all */
  memoryBytes: number;
  harts: number;
  devices: DevicePlan[];
  iommu: IommuPlan;
}

export type DeviceModel = "virtio-blk" | "virtio-console" | "virtio-rng";

export interface DevicePlan {
  name: string;
  model: DeviceModel;
  /** index of the device: also its IOMMU device id and its interrupt number minus one */
  id: number;
  /** name of the domain that owns it */
  domain: string;
  /** name of the component that drives it */
  driver: string;
  /** physical address of its register window, 4096 bytes */
  registers: number;
  interrupt: number;
  /** virtio-blk: absolute path of the image, as the host sees it */
  image?: string;
  /** virtio-blk: make the image with this file system if it is not there */
  create?: { format: "ext4"; sizeBytes: number };
  readOnly?: boolean;
}

export interface IommuPlan {
  /** physical address of the root page of the device directory table, in memory of the hypervisor */
  directory: number;
  /** one per device */
  contexts: IommuContextPlan[];
}

/** A device context: second stage confines to the domain's memory, first stage is the driver's. */
export interface IommuContextPlan {
  device: string;
  deviceId: number;
  domain: string;
  /** GSCID of the second stage: one per domain */
  guestContext: number;
  /** PSCID of the first stage: one per device */
  processContext: number;
  firstStage: "Sv39";
  secondStage: "Sv39x4";
  /** what the second stage maps, one to one, readable and writable */
  windows: { address: number; sizeBytes: number }[];
}

export interface DomainPlan {
  name: string;
  /** index in the plan; the primary is 0 */
  id: number;
  primary: boolean;
  isolation: Isolation;
  memory: {
    /** physical address and size of its memory object: DMA, page cache, device queues */
    address: number;
    sizeBytes: number;
    /** limit on its own heap (JavaScript), enforced by the mechanism where it can */
    heapBytes: number;
  };
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
  recovery: RecoveryPlan;
}

export interface ComponentPlan {
  /** unique in its domain: the component's name, with its slice before it where that is needed */
  name: string;
  /** name in the catalogue of components */
  component: string;
  /** from interface needed to who provides it; `ring` where the edge crosses domains */
  needs: { interface: string; component: string; domain: string; transport: "call" | "ring" }[];
  /** device it drives */
  device?: string;
  settings: Record<string, unknown>;
}

export interface RecoveryPlan {
  /** never restarted: "fail" ends the machine, and is what the primary has */
  policy: "restart" | "fail";
  clients: ClientContract;
  backoffMs: number;
  maxRestarts: number;
  /** no progress on pending work for this long counts as failed */
  heartbeatMs: number;
}

/** A request and a completion queue that exactly two domains share, with their arena. */
export interface RingPlan {
  name: string;
  client: string;
  server: string;
  /** interface whose calls cross it: "files" for system calls on files, "disk" for block requests */
  interface: string;
  /** entries in each queue, a power of two */
  depth: number;
  /** payload arena */
  arenaBytes: number;
  /** spin this long with nothing to do before sleeping */
  spinUs: number;
  /** physical address and size of the whole ring */
  address: number;
  sizeBytes: number;
}

export interface RoutePlan {
  number: number;
  name: string;
  component: string;
  domain: string;
}

export interface MountPlan {
  path: string;
  type: "ext4" | "tmpfs" | "devtmpfs" | "proc";
  domain: string;
  /** component that serves it, as the domain names it */
  component: string;
  /** the mount's index among those of its component: what Private.mount is asked for */
  index: number;
}

export interface ProgramPlan {
  name: string;
  /** absolute path of a TypeScript module */
  module: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  uid: number;
  gid: number;
  /** virtio-console port for its standard input and output */
  console: number;
}
