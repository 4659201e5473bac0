// The machine of a plan: its memory, its devices with their registers, images and networks, and the tables of its
// IOMMU. Sizes are bytes, addresses are physical, durations carry their unit in the name.

/** The emulated machine. */
export interface MachinePlan {
  /** physical memory in all */
  memoryBytes: number;
  /** what domains and rings leave for programs */
  userMemoryBytes: number;
  /** hardware threads */
  harts: number;
  /** by id */
  devices: DevicePlan[];
  /** what every device may reach */
  iommu: IommuPlan;
}

/** Device models there are. */
export type DeviceModel = "virtio-blk" | "virtio-console" | "virtio-net" | "virtio-rng";

/** A device: who owns it, who drives it, and where its registers are. */
export interface DevicePlan {
  /** as the manifest names it */
  name: string;
  /** what it is */
  model: DeviceModel;
  /** index of the device: also its IOMMU device id and its interrupt number minus one */
  id: number;
  /** name of the domain that owns it */
  domain: string;
  /** name of the component that drives it */
  driver: string;
  /** physical address of its register window, 4096 bytes */
  registers: number;
  /** number of its interrupt */
  interrupt: number;
  /** virtio-blk: absolute path of the image, as the host sees it */
  image?: string;
  /** virtio-blk: make the image with this file system if it is not there */
  create?: { format: "ext4"; sizeBytes: number };
  /** virtio-blk: the image is made of this, and stays as it is */
  rootfs?: RootfsPlan;
  /** virtio-blk: writes are refused */
  readOnly?: boolean;
  /** virtio-net: its address, and what is on the other end of its cable */
  network?: NetworkPlan;
}

/** A network device and its backend. */
export interface NetworkPlan {
  /** address of the interface, such as 52:54:00:12:34:01 */
  mac: string;
  /** who takes its frames and gives it some */
  backend: UserNetworkPlan | TapPlan | LoopPlan;
  /** absolute path of the file that all frames are written to */
  capture?: string;
}

/** Address translation on the host's sockets. */
export interface UserNetworkPlan {
  /** which backend it is */
  kind: "user";
  /** addresses of the machine */
  guests: string[];
  /** addresses of the gateway, which for the machine is the host */
  gateways: string[];
  /** addresses of the name server */
  nameServers: string[];
  /** ports of the host that lead into the machine */
  forward: ForwardPlan[];
  /** what the machine may reach: an address, a name or * (any address), and a port or any */
  allow: { host: string; port?: number }[];
  /** addresses by name */
  dns: Record<string, string>;
}

/** A port of the host that leads to one of the machine. */
export interface ForwardPlan {
  /** of both ports */
  protocol: "tcp" | "udp";
  /** address of the host */
  host: string;
  /** port of the host */
  port: number;
  /** port of the machine */
  to: number;
}

/** An interface of the host that is made for the machine, as tap devices of Linux are. */
export interface TapPlan {
  /** which backend it is */
  kind: "tap";
  /** of the interface */
  name: string;
}

/** A segment between devices of one machine. */
export interface LoopPlan {
  /** which backend it is */
  kind: "loop";
  /** devices that name the same are on it */
  segment: string;
  /** what goes wrong on it is drawn from this */
  seed: number;
  /** probabilities, for each frame */
  loss: number;
  /** part of the frames that come twice */
  duplication: number;
  /** part of the frames that overtake others */
  reordering: number;
  /** how long a frame is under way */
  delayMs: number;
}

/** What a root file system is made of: one of the first four, and what is put on top. */
export interface RootfsPlan {
  /** packages, with all they depend on */
  debian?: { suite: string; packages: string[]; mirror?: string };
  /** absolute path of a folder, as the host sees it */
  folder?: string;
  /** absolute path of an archive */
  tar?: string;
  /** absolute path of an image */
  image?: string;
  /** else as large as its content needs, with room to spare */
  sizeBytes?: number;
  /** symbolic links to add: targets by path */
  links: Record<string, string>;
  /** files to add: absolute paths of the host by path */
  files: Record<string, string>;
  /** commands for /bin/sh that are run on it once, before it is first used */
  prepare?: string[];
  /** absolute path of the file that keeps what the machine changes */
  keep?: string;
}

/** The tables of the IOMMU. */
export interface IommuPlan {
  /** physical address of the root page of the device directory table, in memory of the hypervisor */
  directory: number;
  /** one per device */
  contexts: IommuContextPlan[];
}

/** A device context: second stage confines to the domain's memory, first stage is the driver's. */
export interface IommuContextPlan {
  /** name of the device */
  device: string;
  /** as the device names itself to the IOMMU */
  deviceId: number;
  /** domain that owns the device */
  domain: string;
  /** GSCID of the second stage: one per domain */
  guestContext: number;
  /** PSCID of the first stage: one per device */
  processContext: number;
  /** format of the driver's tables */
  firstStage: "Sv39";
  /** format of the hypervisor's tables */
  secondStage: "Sv39x4";
  /** what the second stage maps, one to one, readable and writable */
  windows: { address: number; sizeBytes: number }[];
}
