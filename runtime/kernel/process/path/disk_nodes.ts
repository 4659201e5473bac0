// The names of disks below /dev, which the kernel makes as it finds them.
import type { Coroutine } from "../../coroutine.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call } from "../../vfs/protocol.ts";
import { type DeviceNumber, type MountTable, request, textPayload } from "./mounts.ts";
import { type Disk, diskName, diskNumber } from "../sysfs/block_devices.ts";

const DEVICES_PATH = "/dev";

/** A device number as mknod(2) takes it. */
function encoded({ major, minor }: DeviceNumber): number {
  return major << 8 | minor & 0xff | (minor & ~0xff) << 12;
}

/** Names disks, where /dev has devices. */
export function* nameDisks({ mounts }: MountTable, disks: readonly Disk[]): Coroutine<void> {
  const place = mounts.find(({ path, type }) => path === DEVICES_PATH && type === "devtmpfs");
  if (place === undefined) return;
  for (let index = 0; index < disks.length; index++) {
    const name = diskName(index);
    const args = [place.root, name.length, S.IFBLK | 0o600, encoded(diskNumber(index))];
    yield* request(place.service, Call.MKNODAT, args, textPayload(name));
  }
}
