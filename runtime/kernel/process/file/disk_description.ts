// An open disk (/dev/vda): what is on it its file system reads for us, and nobody else could. While a file system has
// a disk, nobody writes it or has it alone, as on Linux without CONFIG_BLK_DEV_WRITE_MOUNTED.
import type { Blocking, Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O, SEEK } from "../../vfs/constants.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import { FileDescription } from "./description.ts";
import { putInt, putLong } from "../little_endian.ts";
import { close, type DeviceNumber, type Location, request } from "../path/mounts.ts";
import { Process } from "../process.ts";
import { type Disk, diskNumber, SECTOR_BYTES } from "../sysfs/block_devices.ts";

/** Requests of ioctl(2) for disks (linux/fs.h). */
const BLK = {
  ROGET: 0x125e,
  GETSIZE: 0x1260,
  FLSBUF: 0x1261,
  RAGET: 0x1263,
  SSZGET: 0x1268,
  IOMIN: 0x1278,
  IOOPT: 0x1279,
  ALIGNOFF: 0x127a,
  PBSZGET: 0x127b,
  ROTATIONAL: 0x127e,
  BSZGET: 0x8008_1270,
  GETSIZE64: 0x8008_1272,
  GETDISKSEQ: 0x8008_1280,
} as const;
const PAGE_BYTES = 4096;

export class DiskDescription extends FileDescription {
  /**
   * @param node what was opened: all but what is on the disk is its own
   * @param place held for it in the file system that is on the disk @param index of the disk
   */
  constructor(
    node: FileDescription,
    private readonly place: Location,
    private readonly disk: Disk,
    private readonly index: number,
  ) {
    super(...node.parts);
  }

  override call(number: number, args: number[], payload?: Uint8Array): Blocking<number> {
    switch (number) {
      case Call.PREAD64:
        return this.#read(args[0], payload!);
      case Call.LSEEK:
        return args[1] === SEEK.END ? this.#end(args[0]) : fail(E.EINVAL);
      case Call.FSYNC:
      case Call.FDATASYNC:
        return 0;
      default:
        return super.call(number, args, payload);
    }
  }

  #end(offset: number): number {
    return this.disk.sizeBytes + offset >= 0 ? this.disk.sizeBytes + offset : fail(E.EINVAL);
  }

  *#read(offset: number, into: Uint8Array): Coroutine<number> {
    const { mount: { service }, handle } = this.place;
    let done = 0;
    while (done < into.length) {
      const rest = into.subarray(done);
      const count = yield* request(service, Private.DISK_READ, [handle, offset + done], rest);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  override *release(): Coroutine<void> {
    yield* close(this.place);
    yield* super.release();
  }

  /** ioctl(2). @param out what the argument points to @throws Errno ENOTTY */
  answer(asked: number, out: Uint8Array): number {
    const { sizeBytes, readOnly } = this.disk;
    switch (asked) {
      case BLK.GETSIZE64:
        putLong(out, 0, sizeBytes);
        return 0;
      case BLK.GETSIZE:
        putLong(out, 0, Math.floor(sizeBytes / SECTOR_BYTES));
        return 0;
      case BLK.GETDISKSEQ:
        putLong(out, 0, this.index + 1);
        return 0;
      case BLK.RAGET:
        putLong(out, 0, 0);
        return 0;
      case BLK.SSZGET:
      case BLK.PBSZGET:
      case BLK.IOMIN:
        putInt(out, 0, SECTOR_BYTES);
        return 0;
      case BLK.BSZGET:
        putInt(out, 0, PAGE_BYTES);
        return 0;
      case BLK.IOOPT:
      case BLK.ALIGNOFF:
        putInt(out, 0, 0);
        return 0;
      case BLK.ROGET:
        putInt(out, 0, readOnly ? 1 : 0);
        return 0;
      case BLK.ROTATIONAL:
        out.fill(0, 0, 2);
        return 0;
      case BLK.FLSBUF:
        return 0;
      default:
        return fail(E.ENOTTY);
    }
  }
}

/**
 * What opening a block device leads to.
 * @param flags of open(2)
 * @throws Errno ENXIO where there is no such disk, or no file system is on it; EBUSY
 */
export function* openDisk(
  { kernel }: Process,
  node: FileDescription,
  { major, minor }: DeviceNumber,
  flags: number,
): Coroutine<DiskDescription> {
  const is = (device: DeviceNumber) => device.major === major && device.minor === minor;
  const index = kernel.disks.findIndex((_, each) => is(diskNumber(each)));
  const mount = kernel.mounts.mounts.find(({ device }) => is(device));
  if (index < 0 || mount === undefined) return fail(E.ENXIO);
  if ((flags & O.ACCMODE) !== O.RDONLY || (flags & O.EXCL) !== 0) fail(E.EBUSY);
  const place = yield* Process.hold({ mount, handle: mount.root });
  return new DiskDescription(node, place, kernel.disks[index], index);
}
