// Root file systems that the plan describes, as images in a cache: made once of the same content, and never
// written by a machine, which has an overlay of its own.
import type { DevicePlan, RootfsPlan } from "../../../schemas/machine_plan.ts";
import type { Plan } from "../../../schemas/plan.ts";
import { type BootForPreparation, preparedImage } from "./prepared_image.ts";
import { BUILDER_VERSION, debianImage, entriesKey, imageFor } from "../../image/image_cache.ts";
import { sha256Of } from "../../image/debian/store.ts";
import type { Progress } from "../../image/progress.ts";
import { type Entry, symlinkEntry } from "../../image/tree/entry.ts";
import { entriesOfHost, treeOfFolder } from "../../image/tree/folder.ts";
import { treeOfTar } from "../../image/tree/tar_file.ts";

/** What stands for a disk's image: a base that is read, and a file for what is written, if that is kept. */
export interface BaseImage {
  base: string;
  /** tells the base from others, so that kept changes are not put over another one */
  identity: string;
  keep: string | undefined;
}

/** Where images and packages are kept, unless the environment says otherwise. */
const CACHE = ".virtuos/cache";
const ARCHITECTURE = "riscv64";

/**
 * The base images of a plan's disks, by name of the device; what is missing is made.
 * @param boot boots a machine on which a root file system is prepared
 * @param signal ends the work when it is aborted, and leaves nothing half made
 * @throws Error that names what cannot be read, fetched or made
 */
export async function prepareRootFileSystems(
  plan: Plan,
  progress: (device: string) => Progress,
  boot: BootForPreparation,
  signal?: AbortSignal,
): Promise<Map<string, BaseImage>> {
  const images = new Map<string, BaseImage>();
  for (const device of plan.machine.devices) {
    if (device.rootfs === undefined) continue;
    const tell = progress(device.name);
    const heed: Progress = (event) => {
      signal?.throwIfAborted();
      tell(event);
    };
    const { rootfs } = device;
    const base = await (async () => {
      const made = await baseOf(device, rootfs, heed, signal);
      if (rootfs.prepare === undefined) return made;
      const request = { base: made, commands: rootfs.prepare, cacheFolder: cacheFolder() };
      return await preparedImage(plan, device.name, request, boot, heed, signal);
    })().catch((failure) => {
      signal?.throwIfAborted();
      throw failure;
    });
    images.set(device.name, { base, identity: base, keep: device.rootfs.keep });
  }
  return images;
}

function cacheFolder(): string {
  return Deno.env.get("VIRTUOS_CACHE") ?? CACHE;
}

async function baseOf(
  device: DevicePlan,
  rootfs: RootfsPlan,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (rootfs.image !== undefined) return await Deno.realPath(rootfs.image);
  const folder = cacheFolder(), sizeBytes = rootfs.sizeBytes ?? "fit";
  const extra = entriesOf(rootfs);
  if (rootfs.debian !== undefined) {
    const { suite, packages } = rootfs.debian;
    const mirror = rootfs.debian.mirror ?? Deno.env.get("VIRTUOS_MIRROR");
    const request = [
      BUILDER_VERSION,
      suite,
      packages,
      mirror ?? "",
      sizeBytes,
      await entriesKey(extra),
    ];
    return await remembered(folder, request, async () => {
      const options = { suite, packages, mirror, architecture: ARCHITECTURE };
      return (await debianImage({
        ...options,
        cacheFolder: folder,
        sizeBytes,
        extra,
        progress,
        signal,
      }))
        .path;
    });
  }
  const source = rootfs.folder ?? rootfs.tar;
  if (source === undefined) {
    throw new Error(`Cannot make the root file system of ${device.name}: nothing says of what`);
  }
  const tree = rootfs.folder !== undefined ? treeOfFolder(source) : await treeOfTar(source);
  for (const entry of extra) tree.add(entry, "replace");
  return await imageFor({
    cacheFolder: folder,
    key: await entriesKey(tree.entries),
    sizeBytes,
    progress,
    tree: () => Promise.resolve(tree),
  });
}

/**
 * What was made of a request before, while it is there: packages are looked up once, and a machine stays what
 * it was until its image is taken out of the cache.
 */
async function remembered(
  cacheFolder: string,
  request: unknown,
  make: () => Promise<string>,
): Promise<string> {
  const key = await sha256Of(new TextEncoder().encode(JSON.stringify(request)));
  const note = `${cacheFolder}/requests/${key}`;
  try {
    const path = await Deno.readTextFile(note);
    await Deno.stat(path);
    return path;
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
  const path = await Deno.realPath(await make());
  await Deno.mkdir(`${cacheFolder}/requests`, { recursive: true });
  await Deno.writeTextFile(`${note}.unfinished`, path);
  await Deno.rename(`${note}.unfinished`, note);
  return path;
}

/** What is put on top: links, and files and folders of the host with their permissions. */
function entriesOf({ links, files }: RootfsPlan): Entry[] {
  const entries: Entry[] = Object.entries(links).map(([path, target]) =>
    symlinkEntry(withoutRoot(path), target)
  );
  for (const [path, file] of Object.entries(files)) {
    entries.push(...entriesOfHost(withoutRoot(path), file));
  }
  return entries;
}

function withoutRoot(path: string): string {
  return path.replace(/^\/+/, "");
}
