// The members of a tar archive in memory: ustar, GNU long names and pax headers, through tar-stream.
// Contents stay where they are; a member says at which position of the archive they begin.
import { extract, type Header } from "tar-stream";
import type { Entry, FileData } from "../tree/entry.ts";

export interface TarMember {
  header: Header;
  /** position of the contents in the archive */
  offset: number;
}

/** What the reader gives, with the position of contents that its types leave out. */
type TarEntries = AsyncIterable<{ header: Header & { byteOffset?: number }; resume(): void }>;

/** @throws Error for what is not a whole tar archive */
export async function readTar(archive: Uint8Array): Promise<TarMember[]> {
  const members: TarMember[] = [];
  const reader = extract();
  if (archive.length === 0) throw new Error("it is not a tar archive: it is empty");
  reader.end(archive);
  for await (const entry of reader as unknown as TarEntries) {
    const { header } = entry;
    const offset = header.byteOffset;
    if (offset === undefined) throw new Error("the tar reader does not say where contents begin");
    if (header.type === "file" && offset + header.size > archive.length) {
      throw new Error(`it ends within ${header.name}`);
    }
    members.push({ header, offset });
    entry.resume();
  }
  return members;
}

/**
 * What a member is as an entry.
 * @param dataOf contents at a position of the archive
 * @throws Error for a kind of member that no file system holds
 */
export function entryOfMember(
  { header, offset }: TarMember,
  dataOf: (offset: number, sizeBytes: number) => FileData,
): Entry {
  const attributes = {
    path: header.name.replace(/^(\.?\/)+|^\.$/, "").replace(/\/+$/, ""),
    mode: (header.mode ?? 0) & 0o7777,
    uid: header.uid ?? 0,
    gid: header.gid ?? 0,
    mtimeSeconds: Math.max(1, Math.floor((header.mtime?.getTime() ?? 0) / 1000)),
  };
  switch (header.type) {
    case "file":
    case "contiguous-file":
      return { ...attributes, kind: "file", data: dataOf(offset, header.size) };
    case "directory":
      return { ...attributes, kind: "directory" };
    case "symlink":
      return { ...attributes, kind: "symlink", target: header.linkname };
    case "link":
      return { ...attributes, kind: "hardlink", target: header.linkname.replace(/^(\.?\/)+/, "") };
    case "character-device":
    case "block-device":
      return {
        ...attributes,
        kind: header.type === "block-device" ? "blockdev" : "chardev",
        major: header.devmajor,
        minor: header.devminor,
      };
    case "fifo":
      return { ...attributes, kind: "fifo" };
    default:
      throw new Error(`${header.name} is of a kind that is not supported`);
  }
}
