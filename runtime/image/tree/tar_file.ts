// The tree of a tar file of the host, plain or compressed with gzip, xz or zstd.
import { decompress } from "../archive/compression.ts";
import { entryOfMember, readTar } from "../archive/tar.ts";
import { dataOf, type Entry } from "./entry.ts";
import { Tree } from "./tree.ts";

/**
 * A path that comes twice has the later contents, as when the archive is unpacked.
 * @throws Error that names the file, where it is damaged or would leave the tree
 */
export async function treeOfTar(path: string): Promise<Tree> {
  try {
    const bytes = await decompress(await Deno.readFile(path));
    const tree = new Tree();
    for (const member of await readTar(bytes)) tree.add(entryOf(member, bytes), "replace");
    return tree;
  } catch (failure) {
    throw new Error(`Cannot read tar file ${path}: ${(failure as Error).message}`);
  }
}

function entryOf(member: Parameters<typeof entryOfMember>[0], bytes: Uint8Array): Entry {
  return entryOfMember(member, (offset, size) => dataOf(bytes.subarray(offset, offset + size)));
}
