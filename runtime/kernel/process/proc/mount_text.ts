// What /proc/PID/mounts and mountinfo say (proc(5)).
import { diskPath } from "../sysfs/block_devices.ts";
import type { Mount, MountTable } from "../path/mounts.ts";

/** Characters that would end a field, as their octal numbers. */
function field(text: string): string {
  return text.replace(/[ \t\n\\]/g, (character) => {
    return `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
  });
}

const access = (readOnly: boolean) => readOnly ? "ro" : "rw";

/** What is mounted: a disk, or what has no more than a type. */
const source = ({ type, device }: Mount) => diskPath(device) ?? type;

export function mountsText({ mounts }: MountTable): string {
  const line = (mount: Mount) => {
    const { type, path, readOnly } = mount;
    return `${source(mount)} ${field(path)} ${type} ${access(readOnly)} 0 0\n`;
  };
  return mounts.map(line).join("");
}

export function mountInfoText({ mounts }: MountTable): string {
  const line = (mount: Mount) => {
    const { id, covers, path, type, device, within, readOnly, unbindable } = mount;
    return `${id} ${covers?.mount.id ?? 0} ${device.major}:${device.minor} ${field(within)} ${
      field(path)
    } ` +
      `${access(readOnly)} ${unbindable ? "unbindable " : ""}- ${type} ${source(mount)} rw\n`;
  };
  return mounts.map(line).join("");
}
