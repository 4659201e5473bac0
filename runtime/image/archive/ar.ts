// The ar format of .deb files (deb(5)): a magic line, then members, each with a header of 60 bytes.

export interface ArMember {
  name: string;
  /** a view into the archive */
  bytes: Uint8Array;
}

const MAGIC = "!<arch>\n";
const HEADER_BYTES = 60;

/** @throws Error for what is not a whole ar archive */
export function readAr(archive: Uint8Array): ArMember[] {
  const text = (from: number, to: number) => String.fromCharCode(...archive.subarray(from, to));
  if (text(0, MAGIC.length) !== MAGIC) throw new Error("it is not an ar archive");
  const members: ArMember[] = [];
  for (let at = MAGIC.length; at < archive.length;) {
    if (at + HEADER_BYTES > archive.length) throw new Error("it ends within a member's header");
    if (text(at + 58, at + 60) !== "`\n") throw new Error("a member's header is damaged");
    const name = text(at, at + 16).trimEnd().replace(/\/$/, "");
    const digits = text(at + 48, at + 58).trimEnd();
    if (!/^\d+$/.test(digits)) throw new Error(`member ${name} has no size`);
    const start = at + HEADER_BYTES, sizeBytes = Number(digits);
    if (start + sizeBytes > archive.length) throw new Error(`it ends within member ${name}`);
    members.push({ name, bytes: archive.subarray(start, start + sizeBytes) });
    // Members begin at even positions.
    at = start + sizeBytes + sizeBytes % 2;
  }
  return members;
}
