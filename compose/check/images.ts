// Disks have images, one each, that exist or can be made.
import { type FileKind, pathAt } from "../source/load.ts";
import type { Context, Rule } from "./context.ts";

const SOURCES = ["debian", "folder", "tar", "image"] as const;

/** A root file system is made of one thing, which exists. */
function checkRootfs(context: Context, name: string): void {
  const { system, report, at, key } = context;
  const { image, create, rootfs } = system.machine.devices[name];
  const place = ["machine", "devices", name];
  if (image !== undefined || create !== undefined) {
    const field = image !== undefined ? "image" : "create";
    report({
      code: "E0605",
      message: `disk "${name}" has a root file system and ${
        field === "image" ? "an image" : field
      }`,
      span: at(...place, field),
      related: [{ span: key(...place, "rootfs"), message: "its root file system" }],
      hint: "rootfs: { image: ... } begins with an existing one, and leaves it as it is",
    });
  }
  const said = SOURCES.filter((source) => rootfs![source] !== undefined);
  if (said.length !== 1) {
    report({
      code: "E0606",
      message: said.length === 0
        ? `nothing says what the root file system of "${name}" is made of`
        : `the root file system of "${name}" is made of ${said.join(" and ")}`,
      span: key(...place, "rootfs"),
      hint: `one of ${SOURCES.join(", ")}`,
    });
  }
  for (const source of ["folder", "tar", "image"] as const) {
    const path = rootfs![source];
    if (path !== undefined) checkSource(context, name, [source], path, WANTED[source]);
  }
  for (const [path, file] of Object.entries(rootfs!.files)) {
    checkSource(context, name, ["files", path], file, ["file", "folder"]);
  }
  for (const field of ["links", "files"] as const) {
    for (const path of Object.keys(rootfs![field])) {
      if (isAbsolute(path)) continue;
      report({
        code: "E0608",
        message: `"${path}" is no place in a root file system`,
        span: key(...place, "rootfs", field, path),
        hint: `paths begin with /, and have no empty parts, . and ..`,
      });
    }
  }
  for (const path of Object.keys(rootfs!.files)) {
    if (!Object.hasOwn(rootfs!.links, path)) continue;
    report({
      code: "E0608",
      message: `"${path}" is both a file and a link`,
      span: key(...place, "rootfs", "files", path),
      related: [{ span: key(...place, "rootfs", "links", path), message: "the link" }],
      hint: `${path}: null takes an inherited one away`,
    });
  }
  const { keep } = rootfs!;
  if (keep !== undefined && system.machine.devices[name].readOnly) {
    report({
      code: "E0609",
      message: `disk "${name}" refuses writes, so there are no changes to keep`,
      span: at(...place, "rootfs", "keep"),
      related: [{ span: at(...place, "readOnly"), message: "writes are refused" }],
    });
  }
}

/** What each of these may be; an image may also be a device of the host. */
const WANTED: Record<"folder" | "tar" | "image", FileKind[]> = {
  folder: ["folder"],
  tar: ["file"],
  image: ["file", "other"],
};

/** Something of the host that a root file system is made of is there, and can be read as what it should be. */
function checkSource(
  { root, existing, kinds, report, at }: Context,
  disk: string,
  where: string[],
  path: string,
  wanted: FileKind[],
): void {
  const place = ["machine", "devices", disk, "rootfs", ...where];
  const file = pathAt(root, place, path);
  const needed = `"${path}", which the root file system of "${disk}" needs,`;
  const span = at(...place);
  if (!existing.has(file)) {
    return report({ code: "E0607", message: `${needed} does not exist`, span });
  }
  const wrong = unlike(kinds.get(file), wanted);
  if (wrong !== undefined) report({ code: "E0610", message: `${needed} ${wrong}`, span });
}

/** What is to be said of something of the host that is not as it is wanted. */
function unlike(kind: FileKind | undefined, wanted: FileKind[]): string | undefined {
  if (kind === undefined || wanted.includes(kind)) return undefined;
  if (kind === "unreadable") return "cannot be read";
  return `is no ${wanted.filter((each) => each !== "other").join(" and no ")}`;
}

function isAbsolute(path: string): boolean {
  const [first, ...parts] = path.split("/");
  return first === "" && parts.length > 0 &&
    parts.every((part) => part !== "" && part !== "." && part !== "..");
}

export const checkImages: Rule = (context) => {
  const { system, root, existing, kinds, report, at, key } = context;
  const users = new Map<string, { disk: string; field: string[] }>();
  /** A file is written by one disk. */
  const claim = (disk: string, field: string[], file: string): string => {
    const path = pathAt(root, ["machine", "devices", disk, ...field], file);
    const other = users.get(path);
    if (other !== undefined) {
      report({
        code: "E0602",
        message: `disks "${other.disk}" and "${disk}" use the same image`,
        span: at("machine", "devices", disk, ...field),
        label: "also used here",
        related: [{
          span: at("machine", "devices", other.disk, ...other.field),
          message: `first used by "${other.disk}"`,
        }],
        hint: "two writers destroy a file system",
      });
    }
    users.set(path, { disk, field });
    return path;
  };
  for (const [name, device] of Object.entries(system.machine.devices)) {
    const place = ["machine", "devices", name];
    if (device.model !== "virtio-blk") {
      const field = device.image !== undefined ? "image" : "rootfs";
      if (device[field] === undefined) continue;
      report({
        code: "E0604",
        message: `a ${device.model} has no image`,
        span: at(...place, field),
        hint: "model: virtio-blk has one",
      });
      continue;
    }
    if (device.rootfs !== undefined) {
      checkRootfs(context, name);
      if (device.rootfs.keep !== undefined) claim(name, ["rootfs", "keep"], device.rootfs.keep);
      continue;
    }
    if (device.image === undefined) {
      report({
        code: "E0603",
        message: `disk "${name}" has no image`,
        span: key(...place),
        hint: `image: ${name}.img`,
      });
      continue;
    }
    const path = claim(name, ["image"], device.image);
    if (!existing.has(path) && !device.create) {
      report({
        code: "E0601",
        message: `image "${device.image}" of disk "${name}" does not exist`,
        span: at(...place, "image"),
        hint: "create: { format: ext4, size: 64MiB } makes it",
      });
    }
    const wrong = unlike(kinds.get(path), WANTED.image);
    if (wrong !== undefined) {
      report({
        code: "E0610",
        message: `image "${device.image}" of disk "${name}" ${wrong}`,
        span: at(...place, "image"),
        hint: `such as image: ${name}.img`,
      });
    }
  }
};
