// A manifest of one kernel whose disk is made of a folder: for tests of programs of a few instructions.

export interface SmallManifest {
  name?: string;
  /** what the disk is made of */
  rootfs?: string;
  /** fields of the whole system */
  more?: string;
  /** the entries of `programs:`, if it has any */
  programs?: string;
}

export const smallManifest = (
  { name = "small", rootfs = "{ folder: root }", more = "", programs }: SmallManifest = {},
) => `
kind: System
name: ${name}
${more}
machine:
  memory: 128MiB
  devices:
    disk0: { model: virtio-blk, rootfs: ${rootfs} }
    console0: { model: virtio-console }
    rng0: { model: virtio-rng }
slices:
  storage: [vfs, ext4, virtio-blk]
  terminal: [devfs, virtio-console, virtio-rng]
domains:
  primary:
    primary: true
    memory: 32MiB
    slices: [storage, terminal]
    components: [process, vfs]
    devices: [disk0, console0, rng0]
mounts:
  /: { filesystem: ext4 }
  /dev: { filesystem: devfs }
${programs === undefined ? "" : `programs:\n${programs}\n`}`;
