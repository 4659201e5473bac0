// /sys/block: the machine's disks, by the names that Linux gives those of virtio.
import { directory, line, type ProcDirectory } from "../../vfs/proc_node.ts";

export interface Disk {
  sizeBytes: number;
  readOnly: boolean;
  /** what virtio-blk says that it is (virtio 1.2, 5.2.6.1), bytes */
  serial: string;
}

const SECTOR_BYTES = 512;

function blockDevice({ sizeBytes, readOnly, serial }: Disk): ProcDirectory {
  return directory({
    removable: line(0),
    ro: line(readOnly ? 1 : 0),
    serial: line(serial),
    size: line(Math.floor(sizeBytes / SECTOR_BYTES)),
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

export function blockDevices(disks: Disk[]): ProcDirectory {
  return directory(
    Object.fromEntries(disks.map((disk, index) => [`vd${letters(index)}`, blockDevice(disk)])),
  );
}

/** a to z, then aa. */
function letters(index: number): string {
  const last = String.fromCharCode("a".charCodeAt(0) + index % 26);
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}
