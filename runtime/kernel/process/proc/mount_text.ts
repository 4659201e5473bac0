// What /proc/PID/mounts and mountinfo say (proc(5)).
import type { Mount, MountTable } from "../mounts.ts";

/** Characters that would end a field, as their octal numbers. */
function field(text: string): string {
  return text.replace(/[ \t\n\\]/g, (character) => {
    return `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
  });
}

export function mountsText({ mounts }: MountTable): string {
  return mounts.map(({ type, path }) => `${type} ${field(path)} ${type} rw 0 0\n`).join("");
}

export function mountInfoText({ mounts }: MountTable): string {
  const line = ({ id, covers, path, type }: Mount) =>
    `${id} ${covers?.mount.id ?? 0} 0:${id} / ${field(path)} rw - ${type} ${type} rw\n`;
  return mounts.map(line).join("");
}
