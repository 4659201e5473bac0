// Finished images, kept under a hash of everything that went into them. They are bases: machines write to
// overlays over them, never to the images themselves.
import type { Package } from "./debian/package_index.ts";
import { buildDebianRoot, type DebianOptions, resolveDebian } from "./debian/root.ts";
import { sha256Of } from "./debian/store.ts";
import type { Progress } from "./progress.ts";
import { type Entry, readData } from "./tree/entry.ts";
import type { Tree } from "./tree/tree.ts";
import { writeExt4 } from "./write_ext4.ts";

/** Raised whenever the same input would give other bytes. */
export const BUILDER_VERSION = 3;
const BASE_MODE = 0o444;

export interface ImageRequest {
  cacheFolder: string;
  /** what the tree depends on, as JSON has it: versions and hashes, not names alone */
  key: unknown;
  sizeBytes: number | "fit";
  label?: string;
  progress?: Progress;
  /** makes the tree; called only where there is no such image yet */
  tree(): Promise<Tree>;
}

/** Path of the image of a request, which is made if it is not there. */
export async function imageFor(request: ImageRequest): Promise<string> {
  const { cacheFolder, key, sizeBytes, label, progress } = request;
  const text = JSON.stringify([BUILDER_VERSION, key, sizeBytes, label]);
  const path = `${cacheFolder}/images/${await sha256Of(new TextEncoder().encode(text))}.img`;
  if (await exists(path)) return path;
  await Deno.mkdir(`${cacheFolder}/images`, { recursive: true });
  await writeExt4(path, sizeBytes, await request.tree(), { label, progress });
  await Deno.chmod(path, BASE_MODE);
  return path;
}

export interface DebianImageOptions extends DebianOptions {
  sizeBytes: number | "fit";
  label?: string;
}

/** Path of an image of a Debian root file system, and the packages in it. */
export async function debianImage(
  options: DebianImageOptions,
): Promise<{ path: string; packages: Package[] }> {
  const packages = await resolveDebian(options);
  const path = await imageFor({
    cacheFolder: options.cacheFolder,
    key: {
      packages: packages.map(({ name, version, sha256 }) => [name, version, sha256]),
      extra: await entriesKey(options.extra ?? []),
    },
    sizeBytes: options.sizeBytes,
    label: options.label,
    progress: options.progress,
    tree: () => buildDebianRoot(options, packages),
  });
  return { path, packages };
}

/** What tells entries from others, contents included. */
export async function entriesKey(entries: Entry[]): Promise<unknown[]> {
  return await Promise.all(
    entries.map(async (entry) =>
      entry.kind === "file" ? { ...entry, data: await sha256Of(await readData(entry.data)) } : entry
    ),
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}
