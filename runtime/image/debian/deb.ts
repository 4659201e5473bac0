// One Debian package file (deb(5)): its control files, and the entries of its file system. Contents are
// unpacked again when they are read and no longer in memory.
import { readAr } from "../archive/ar.ts";
import { decompress, MAX_UNPACKED_BYTES } from "../archive/compression.ts";
import { entryOfMember, readTar } from "../archive/tar.ts";
import { dataOf, type Entry, readData } from "../tree/entry.ts";
import type { UnpackedPackages } from "./unpacked.ts";

export interface Deb {
  /** control files by name: "control", "postinst", "conffiles", ... */
  control: Map<string, string>;
  entries: Entry[];
}

/** A control archive is a few hundred KiB at most. */
const MAX_CONTROL_BYTES = 64 << 20;

/**
 * @param name of the package, for messages
 * @param load the package file, whenever it is needed
 * @param unpacked where unpacked contents are kept for a while
 * @throws Error that names the package, where it is damaged or not to be trusted
 */
export async function readDeb(
  name: string,
  load: () => Promise<Uint8Array>,
  unpacked: UnpackedPackages,
): Promise<Deb> {
  try {
    const archive = await load();
    const control = await readControl(member(archive, "control.tar"), unpacked);
    const unpack = async () =>
      decompress(member(await load(), "data.tar"), MAX_UNPACKED_BYTES, unpacked.xz);
    const data = () => unpacked.get(name, unpack);
    const entries = (await readTar(await data())).map((each) =>
      entryOfMember(each, (offset, sizeBytes) => ({
        sizeBytes,
        async *chunks() {
          if (sizeBytes > 0) yield (await data()).subarray(offset, offset + sizeBytes);
        },
      }))
    );
    return { control, entries };
  } catch (failure) {
    throw new Error(`Cannot unpack ${name}: ${(failure as Error).message}`);
  }
}

async function readControl(
  bytes: Uint8Array,
  { xz }: UnpackedPackages,
): Promise<Map<string, string>> {
  const tar = await decompress(bytes, MAX_CONTROL_BYTES, xz);
  const control = new Map<string, string>();
  for (const each of await readTar(tar)) {
    const entry = entryOfMember(each, (at, size) => dataOf(tar.subarray(at, at + size)));
    if (entry.kind !== "file") continue;
    control.set(entry.path, new TextDecoder().decode(await readData(entry.data)));
  }
  if (!control.has("control")) throw new Error("it has no control file");
  return control;
}

/** A member that may be compressed in several ways. */
function member(archive: Uint8Array, name: string): Uint8Array {
  const members = readAr(archive);
  if (members[0]?.name !== "debian-binary") throw new Error("it is not a Debian package");
  const found = members.find((each) => each.name === name || each.name.startsWith(`${name}.`));
  if (found === undefined) throw new Error(`it has no ${name}`);
  return found.bytes;
}
