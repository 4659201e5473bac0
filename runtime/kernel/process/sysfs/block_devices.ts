// /sys/block and /proc/partitions: the machine's disks, by the names that Linux gives those of virtio.
import { directory, line, linkTo, type ProcDirectory, text } from "../../vfs/proc_node.ts";
import type { DeviceNumber } from "../path/mounts.ts";

export interface Disk {
  sizeBytes: number;
  readOnly: boolean;
  /** what virtio-blk says that it is (virtio 1.2, 5.2.6.1), bytes */
  serial: string;
}

export const SECTOR_BYTES = 512;

/** That of virtio-blk, which Linux gives out as it comes. */
export const DISK_MAJOR = 254;
/** Numbers that each disk has, for partitions. */
const MINORS = 16;

/** The number of the `index`th disk. */
export function diskNumber(index: number): DeviceNumber {
  return { major: DISK_MAJOR, minor: index * MINORS };
}

const numberText = ({ major, minor }: DeviceNumber) => `${major}:${minor}`;

function blockDevice({ sizeBytes, readOnly, serial }: Disk, index: number): ProcDirectory {
  const number = diskNumber(index);
  return directory({
    dev: line(numberText(number)),
    uevent: text(() =>
      `MAJOR=${number.major}\nMINOR=${number.minor}\nDEVNAME=${diskName(index)}\n` +
      `DEVTYPE=disk\nDISKSEQ=${index + 1}\n`
    ),
    alignment_offset: line(0),
    discard_alignment: line(0),
    diskseq: line(index + 1),
    hidden: line(0),
    holders: directory({}),
    range: line(MINORS),
    removable: line(0),
    ro: line(readOnly ? 1 : 0),
    serial: line(serial),
    size: line(Math.floor(sizeBytes / SECTOR_BYTES)),
    slaves: directory({}),
    subsystem: linkTo("../../../../class/block"),
    queue: directory({
      hw_sector_size: line(SECTOR_BYTES),
      logical_block_size: line(SECTOR_BYTES),
      physical_block_size: line(SECTOR_BYTES),
      // Images have no heads that move.
      rotational: line(0),
      scheduler: line("[none]"),
      write_cache: line("write back"),
    }),
  });
}

/** What /sys has of disks: by device, which everything else leads to, by name and by number. */
export function blockDevices(
  disks: Disk[],
): {
  devices: Record<string, ProcDirectory>;
  byName: ProcDirectory;
  byClass: ProcDirectory;
  byNumber: ProcDirectory;
} {
  const device = (index: number) => `virtio${index}`;
  const links = (up: string, name: (index: number) => string) =>
    directory(
      Object.fromEntries(disks.map((_, index) => [
        name(index),
        linkTo(`${up}/devices/${device(index)}/block/${diskName(index)}`),
      ])),
    );
  return {
    devices: Object.fromEntries(disks.map((disk, index) => [
      device(index),
      directory({ block: directory({ [diskName(index)]: blockDevice(disk, index) }) }),
    ])),
    byName: links("..", diskName),
    byClass: links("../..", diskName),
    byNumber: links("../..", (index) => numberText(diskNumber(index))),
  };
}

/** /proc/partitions: disks have none, and are there themselves. */
export function partitionsText(disks: Disk[]): string {
  const column = (value: number, width: number) => String(value).padStart(width);
  const lines = disks.map(({ sizeBytes }, index) => {
    const { major, minor } = diskNumber(index);
    const blocks = Math.floor(sizeBytes / 1024);
    return `${column(major, 4)} ${column(minor, 8)} ${column(blocks, 10)} ${diskName(index)}\n`;
  });
  return `major minor  #blocks  name\n\n${lines.join("")}`;
}

/** Its name below /dev. */
export const diskName = (index: number) => `vd${letters(index)}`;

/** Where a disk is in the tree; undefined for what is no disk. */
export function diskPath({ major, minor }: DeviceNumber): string | undefined {
  return major === DISK_MAJOR ? `/dev/${diskName(minor / MINORS)}` : undefined;
}

/** a to z, then aa. */
function letters(index: number): string {
  const last = String.fromCharCode("a".charCodeAt(0) + index % 26);
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}
