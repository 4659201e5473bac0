// A small archive of Debian packages in memory, signed, and what looks into images made of it: for tests.
import { assertEquals } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { createCleartextMessage, generateKey, sign } from "openpgp";
import { type Header, pack } from "tar-stream";
import type { DebianOptions } from "../../runtime/image/debian/root.ts";
import { type Fetch, sha256Of, Store } from "../../runtime/image/debian/store.ts";

export const MIRROR = "http://mirror.invalid/debian";
const MTIME = new Date("2025-06-01T12:00:00Z");
export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const PASSWD = "root:*:0:0:root:/root:/bin/bash\nwww-data:*:33:33:www-data:/var/www:/bin/false\n";
const GROUP =
  "root:*:0:\nadm:*:4:\nwww-data:*:33:\nshadow:*:42:\nutmp:*:43:\nmail:*:8:\nnogroup:*:65534:\n";

export type Member = Partial<Header> & { name: string; contents?: string };

async function tarOf(members: Member[]): Promise<Uint8Array<ArrayBuffer>> {
  const packer = pack();
  for (const { contents, ...header } of members) {
    packer.entry({ mtime: MTIME, ...header }, contents ?? "");
  }
  packer.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of packer) chunks.push(chunk as Uint8Array);
  return join(chunks);
}

function join(pieces: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function arOf(members: [name: string, bytes: Uint8Array][]): Uint8Array {
  const pieces: Uint8Array[] = [encode("!<arch>\n")];
  for (const [name, bytes] of members) {
    const numbers = `${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}`;
    pieces.push(
      encode(`${name.padEnd(16)}${numbers}${String(bytes.length).padEnd(10)}\`\n`),
      bytes,
    );
    if (bytes.length % 2 === 1) pieces.push(encode("\n"));
  }
  return join(pieces);
}

export interface SmallPackage {
  /** without Filename, Size and SHA256 */
  control: string;
  members: Member[];
  postinst?: string;
  /** put in place of the package file that is made */
  deb?: (deb: Uint8Array) => Uint8Array;
  /** SHA256 that the index says */
  sha256?: string;
}

async function debOf({ control, members, postinst }: SmallPackage): Promise<Uint8Array> {
  const scripts = postinst === undefined ? [] : [{ name: "./postinst", contents: postinst }];
  const controlTar = await tarOf([{ name: "./control", contents: control }, ...scripts]);
  return arOf([
    ["debian-binary", encode("2.0\n")],
    ["control.tar.gz", gzipSync(controlTar)],
    ["data.tar.zst", zstdCompressSync(await tarOf(members))],
  ]);
}

/** An archive in memory, and what was asked of it. */
interface Archive {
  files: Map<string, Uint8Array>;
  requests: string[];
  fetch: Fetch;
}

const { privateKey, publicKey } = await generateKey({
  type: "curve25519",
  userIDs: [{ name: "Archive" }],
  format: "object",
});

export async function archiveOf(packages: SmallPackage[], codename = "trixie"): Promise<Archive> {
  const files = new Map<string, Uint8Array>();
  let list = "";
  for (const each of packages) {
    const made = await debOf(each);
    const deb = each.deb?.(made) ?? made;
    const name = /^Package: (.*)$/m.exec(each.control)![1];
    files.set(`${MIRROR}/pool/${name}.deb`, deb);
    list += `${each.control}Filename: pool/${name}.deb\nSize: ${deb.length}\nSHA256: ${
      each.sha256 ?? await sha256Of(deb)
    }\n\n`;
  }
  const plain = encode(list), packed = gzipSync(plain);
  const folder = "main/binary-riscv64", dist = `${MIRROR}/dists/trixie`;
  // The name says xz; what the bytes themselves say counts.
  files.set(`${dist}/${folder}/Packages.xz`, packed);
  const line = async (bytes: Uint8Array, name: string) =>
    ` ${await sha256Of(bytes)} ${bytes.length} ${folder}/${name}\n`;
  const text =
    `Suite: stable\nCodename: ${codename}\nArchitectures: all riscv64\nSHA256:\n${await line(
      plain,
      "Packages",
    )}${await line(packed, "Packages.xz")}`;
  const message = await createCleartextMessage({ text });
  const signed = await sign({ message, signingKeys: privateKey });
  files.set(`${dist}/InRelease`, encode(signed));
  const requests: string[] = [];
  return {
    files,
    requests,
    fetch: (url) => {
      requests.push(url);
      const found = files.get(url);
      return found === undefined
        ? Promise.reject(new Error("the server answers 404 Not Found"))
        : Promise.resolve(found);
    },
  };
}

const folder = (name: string, more: Partial<Header> = {}): Member => ({
  name: `./${name}`,
  type: "directory",
  mode: 0o755,
  ...more,
});
export const BASE_FILES: SmallPackage = {
  control: "Package: base-files\nVersion: 13\nArchitecture: riscv64\nPre-Depends: awk\n",
  members: [
    folder("tmp/", { mode: 0o1777 }),
    folder("var/run/"),
    { name: "./usr/share/base-files/profile", contents: "PATH=/bin\n" },
    { name: "./bin", type: "symlink", linkname: "usr/bin" },
  ],
};
export const BASE_PASSWD: SmallPackage = {
  control: "Package: base-passwd\nVersion: 3\nArchitecture: riscv64\n",
  members: [
    { name: "./usr/share/base-passwd/passwd.master", contents: PASSWD },
    { name: "./usr/share/base-passwd/group.master", contents: GROUP },
  ],
};
export const MAWK: SmallPackage = {
  control: "Package: mawk\nVersion: 1\nArchitecture: riscv64\nPriority: required\nProvides: awk\n",
  members: [{ name: "./usr/bin/mawk", mode: 0o755, contents: "#!mawk\n" }],
  postinst: "update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\\n" +
    "  --slave /usr/bin/nawk nawk /usr/bin/mawk\n",
};
export const SERVER: SmallPackage = {
  control: "Package: server\nVersion: 1:2.0-1\nArchitecture: riscv64\nDepends: mawk (>= 1)\n",
  members: [
    folder(""),
    folder("bin/"),
    // Comes before its directory is named, and through /bin, which is a link.
    { name: "./bin/server", mode: 0o4755, contents: "x".repeat(100_000) },
    { name: "./usr/bin/server-check", type: "link", linkname: "./bin/server" },
    folder("usr/lib/sysusers.d/"),
    {
      name: "./usr/lib/sysusers.d/server.conf",
      contents: 'u server - "A server" /var/lib/server\n',
    },
    {
      name: "./usr/lib/tmpfiles.d/server.conf",
      contents: "d /var/lib/server 2750 server adm -\nL /etc/server - - - - /var/lib/server\n",
    },
    { name: `./usr/share/${"long-".repeat(30)}/é`, contents: "" },
    { name: "./usr/share/far", type: "symlink", linkname: "/x".repeat(60) },
  ],
};
export const USUAL = [BASE_FILES, BASE_PASSWD, MAWK, SERVER];

export async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const path = Deno.makeTempDirSync();
  try {
    await work(path);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

export function optionsOf(archive: Archive, folder: string, ...packages: string[]): DebianOptions {
  const keyring = `${folder}/keyring.gpg`;
  Deno.writeFileSync(keyring, publicKey.write());
  return {
    suite: "trixie",
    architecture: "riscv64",
    packages,
    mirror: MIRROR,
    keyring,
    cacheFolder: `${folder}/cache`,
    store: new Store(`${folder}/cache`, archive.fetch),
  };
}

export function command(name: string, ...args: string[]): string {
  const { code, stdout, stderr } = new Deno.Command(name, {
    args,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", TZ: "UTC" },
  }).outputSync();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, `${name} ${args.join(" ")}: ${text}${new TextDecoder().decode(stderr)}`);
  return text;
}

export function debugfs(image: string, request: string): string {
  return command("debugfs", "-R", request, image);
}

/** Mode, user, group and kind of a path, as debugfs says. */
export function attributesOf(image: string, path: string): string {
  const text = debugfs(image, `stat ${path}`);
  const [, type, mode] = /Type: (.*?) +Mode: +(\d+)/.exec(text)!;
  const [, user, group] = /User: +(\d+) +Group: +(\d+)/.exec(text)!;
  return `${type} ${mode} ${user}:${group}`;
}
