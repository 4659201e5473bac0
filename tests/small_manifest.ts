// A manifest of a disk, a console and a kernel, which is one or has its storage in a domain of its own.

/** Where file systems of the primary domain are mounted. */
const places = { tmpfs: "/tmp", procfs: "/proc", sysfs: "/sys" };

export interface SmallManifest {
  name?: string;
  memory?: string;
  /** fields of the disk: what it is made of */
  disk?: string;
  /** fields of a domain for storage, where it is to be one of its own */
  storage?: string;
  /** file systems of the primary, besides that of devices */
  filesystems?: (keyof typeof places)[];
  /** fields of the whole system */
  more?: string;
  /** the entries of `programs:`, if it has any */
  programs?: string;
}

export function smallManifest({
  name = "small",
  memory = "128MiB",
  disk = "rootfs: { folder: root }",
  storage,
  filesystems = [],
  more = "",
  programs,
}: SmallManifest = {}): string {
  const own = storage === undefined ? { slices: "storage, ", devices: "disk0, " } : {};
  return `
kind: System
name: ${name}
${more}
machine:
  memory: ${memory}
  devices:
    disk0: { model: virtio-blk, ${disk} }
    console0: { model: virtio-console }
    rng0: { model: virtio-rng }
slices:
  storage: [vfs, ext4, virtio-blk]
  terminal: [devfs, virtio-console, virtio-rng]
domains:
  primary:
    primary: true
    slices: [${own.slices ?? ""}terminal]
    components: [${["process", "vfs", ...filesystems].join(", ")}]
    devices: [${own.devices ?? ""}console0, rng0]
${storage === undefined ? "" : `  storage: { slices: [storage], devices: [disk0], ${storage} }`}
mounts:
  /: { filesystem: ext4, slice: storage }
  /dev: { filesystem: devfs }
${filesystems.map((each) => `  ${places[each]}: { filesystem: ${each} }`).join("\n")}
${programs === undefined ? "" : `programs:\n${programs}\n`}`;
}
