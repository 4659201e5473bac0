// Root file systems from a small hand-made archive: signed indexes, packages, their trees, and the ext4
// images that e2fsck and debugfs agree on; and what hostile archives get for an answer.
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { createCleartextMessage, generateKey, sign } from "openpgp";
import { type Header, pack } from "tar-stream";
import {
  readDeb822Style,
  readOneLineStyle,
  sourcesOf,
} from "../runtime/image/debian/apt_sources.ts";
import {
  buildDebianRoot,
  type DebianOptions,
  resolveDebian,
} from "../runtime/image/debian/root.ts";
import { type Fetch, sha256Of, Store } from "../runtime/image/debian/store.ts";
import { debianImage, imageFor } from "../runtime/image/image_cache.ts";
import {
  directoryEntry,
  type Entry,
  fileEntry,
  readData,
  symlinkEntry,
} from "../runtime/image/tree/entry.ts";
import { entriesOfHost, treeOfFolder } from "../runtime/image/tree/folder.ts";
import { treeOfTar } from "../runtime/image/tree/tar_file.ts";
import { Tree } from "../runtime/image/tree/tree.ts";
import { writeExt4 } from "../runtime/image/write_ext4.ts";

const MIRROR = "http://mirror.invalid/debian";
const MTIME = new Date("2025-06-01T12:00:00Z");
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const PASSWD = "root:*:0:0:root:/root:/bin/bash\nwww-data:*:33:33:www-data:/var/www:/bin/false\n";
const GROUP =
  "root:*:0:\nadm:*:4:\nwww-data:*:33:\nshadow:*:42:\nutmp:*:43:\nmail:*:8:\nnogroup:*:65534:\n";

type Member = Partial<Header> & { name: string; contents?: string };

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

interface SmallPackage {
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

async function archiveOf(packages: SmallPackage[], codename = "trixie"): Promise<Archive> {
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
const BASE_FILES: SmallPackage = {
  control: "Package: base-files\nVersion: 13\nArchitecture: riscv64\nPre-Depends: awk\n",
  members: [
    folder("tmp/", { mode: 0o1777 }),
    folder("var/run/"),
    { name: "./usr/share/base-files/profile", contents: "PATH=/bin\n" },
    { name: "./bin", type: "symlink", linkname: "usr/bin" },
  ],
};
const BASE_PASSWD: SmallPackage = {
  control: "Package: base-passwd\nVersion: 3\nArchitecture: riscv64\n",
  members: [
    { name: "./usr/share/base-passwd/passwd.master", contents: PASSWD },
    { name: "./usr/share/base-passwd/group.master", contents: GROUP },
  ],
};
const MAWK: SmallPackage = {
  control: "Package: mawk\nVersion: 1\nArchitecture: riscv64\nPriority: required\nProvides: awk\n",
  members: [{ name: "./usr/bin/mawk", mode: 0o755, contents: "#!mawk\n" }],
  postinst: "update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\\n" +
    "  --slave /usr/bin/nawk nawk /usr/bin/mawk\n",
};
const SERVER: SmallPackage = {
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
const USUAL = [BASE_FILES, BASE_PASSWD, MAWK, SERVER];

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const path = Deno.makeTempDirSync();
  try {
    await work(path);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

function optionsOf(archive: Archive, folder: string, ...packages: string[]): DebianOptions {
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

function command(name: string, ...args: string[]): string {
  const { code, stdout, stderr } = new Deno.Command(name, {
    args,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", TZ: "UTC" },
  }).outputSync();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, `${name} ${args.join(" ")}: ${text}${new TextDecoder().decode(stderr)}`);
  return text;
}

function debugfs(image: string, request: string): string {
  return command("debugfs", "-R", request, image);
}

/** Mode, user, group and kind of a path, as debugfs says. */
function attributesOf(image: string, path: string): string {
  const text = debugfs(image, `stat ${path}`);
  const [, type, mode] = /Type: (.*?) +Mode: +(\d+)/.exec(text)!;
  const [, user, group] = /User: +(\d+) +Group: +(\d+)/.exec(text)!;
  return `${type} ${mode} ${user}:${group}`;
}

Deno.test("a root file system is built from packages, and its image is what they say", async () => {
  await withFolder(async (folder) => {
    const archive = await archiveOf(USUAL);
    const options: DebianOptions = {
      ...optionsOf(archive, folder, "server"),
      extra: [
        symlinkEntry("bin/sh", "server"),
        fileEntry("etc/motd", "hello\n", { mode: 0o600, uid: 5, gid: 70_000 }),
        directoryEntry("data", { mode: 0o700 }),
      ],
    };
    const packages = await resolveDebian(options);
    assertEquals(packages.map(({ name }) => name), ["mawk", "base-files", "base-passwd", "server"]);
    const tree = await buildDebianRoot(options, packages);
    const image = `${folder}/root.img`;
    await writeExt4(image, "fit", tree, { label: "small" });
    command("e2fsck", "-fn", image);
    const cat = (path: string) => debugfs(image, `cat ${path}`);
    const isLink = (path: string, target: string) =>
      assertStringIncludes(debugfs(image, `stat ${path}`), `Fast link dest: "${target}"`);
    assertEquals(attributesOf(image, "/usr/bin/server"), "regular 04755 0:0");
    assertStringIncludes(debugfs(image, "stat /usr/bin/server"), "Links: 2");
    assertStringIncludes(debugfs(image, "stat /usr/bin/server"), "mtime: 0x683c40c0:00000000");
    assertEquals(cat("/usr/bin/server-check"), "x".repeat(100_000));
    assertEquals(attributesOf(image, "/tmp"), "directory 01777 0:0");
    assertStringIncludes(debugfs(image, "stat /tmp"), "mtime: 0x683c40c0:00000000");
    assertEquals(attributesOf(image, "/var/lib/server"), "directory 02750 100:4");
    assertEquals(attributesOf(image, "/dev/null"), "character special 0666 0:0");
    assertStringIncludes(debugfs(image, "stat /dev/console"), "major/minor number: 05:01");
    assertEquals(attributesOf(image, "/etc/motd"), "regular 0600 5:70000");
    assertEquals(attributesOf(image, "/etc/shadow"), "regular 0640 0:42");
    assertStringIncludes(cat("/etc/passwd"), "server:x:100:100:A server:/var/lib/server:");
    assertStringIncludes(cat("/etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    assertEquals(cat("/etc/profile"), "PATH=/bin\n");
    isLink("/bin", "usr/bin");
    isLink("/usr/bin/sh", "server");
    isLink("/etc/server", "/var/lib/server");
    isLink("/usr/bin/nawk", "/etc/alternatives/nawk");
    isLink("/etc/alternatives/awk", "/usr/bin/mawk");
    isLink("/var/run", "/run");
    assertEquals(cat("/usr/share/far"), "/x".repeat(60));
    assertStringIncludes(debugfs(image, `ls -p /usr/share/${"long-".repeat(30)}`), "/é/");
    const status = cat("/var/lib/dpkg/status");
    assertStringIncludes(
      status,
      "Package: server\nStatus: install ok installed\nVersion: 1:2.0-1\n",
    );
    assertStringIncludes(cat("/var/lib/dpkg/info/server.list"), "/usr/bin/server-check\n");
    assertStringIncludes(command("dumpe2fs", "-h", image), "Filesystem volume name:   small");
  });
});

Deno.test("with a filled cache nothing is fetched; without one, the error says what is missing", async () => {
  await withFolder(async (folder) => {
    const archive = await archiveOf(USUAL);
    const options = optionsOf(archive, folder, "server");
    const before = (await buildDebianRoot(options)).entries.map(({ path }) => path);
    const notes: string[] = [];
    const offline: DebianOptions = {
      ...options,
      store: new Store(options.cacheFolder, () => Promise.reject(new Error("no network"))),
      progress: ({ step, what }) => step === "note" && notes.push(what),
    };
    assertEquals((await buildDebianRoot(offline)).entries.map(({ path }) => path), before);
    assertStringIncludes(notes[0], "trixie is as it was when it was last whole: no network");
    const names = [...Deno.readDirSync(`${options.cacheFolder}/index`)].map(({ name }) => name);
    assert(names.every((name) => !name.endsWith(".unfinished")), names.join());
    const { sha256 } = (await resolveDebian(options)).find(({ name }) => name === "server")!;
    const kept = `${options.cacheFolder}/sha256/${sha256.slice(0, 2)}/${sha256}`;
    Deno.removeSync(kept);
    await assertRejects(
      () => buildDebianRoot(offline),
      Error,
      `Cannot get ${MIRROR}/pool/server.deb, and it is not in the cache`,
    );
    // A damaged file of the cache is fetched again.
    Deno.writeTextFileSync(kept, "damaged");
    await buildDebianRoot(options);
    assertEquals(await sha256Of(Deno.readFileSync(kept)), sha256);
    await assertRejects(
      () => resolveDebian({ ...offline, store: undefined, cacheFolder: `${folder}/none` }),
      Error,
      `Cannot get ${MIRROR}/dists/trixie/InRelease, and it is not in the cache ${folder}/none`,
    );
  });
});

Deno.test("while a mirror is between two states, the last whole one is used", async () => {
  await withFolder(async (folder) => {
    const archive = await archiveOf(USUAL);
    const options = optionsOf(archive, folder, "server");
    await buildDebianRoot(options);
    const newer = await archiveOf([...USUAL, {
      control: "Package: more\nVersion: 1\n",
      members: [],
    }]);
    const url = `${MIRROR}/dists/trixie/InRelease`;
    archive.files.set(url, newer.files.get(url)!);
    const notes: string[] = [];
    const noting: DebianOptions = {
      ...options,
      progress: ({ step, what }) => step === "note" && notes.push(what),
    };
    for (let round = 0; round < 2; round++) {
      const packages = await resolveDebian(noting);
      assertEquals(packages.at(-1)!.name, "server");
      assertStringIncludes(
        notes[2 * round],
        "trixie is as it was when it was last whole: Cannot use",
      );
    }
    const packages = `${MIRROR}/dists/trixie/main/binary-riscv64/Packages.xz`;
    archive.files.set(packages, newer.files.get(packages)!);
    const after = await resolveDebian({ ...options, packages: ["more"] });
    assertEquals(after.at(-1)!.name, "more");
  });
});

Deno.test("indexes that are not signed as they should be are refused", async () => {
  await withFolder(async (folder) => {
    const archive = await archiveOf(USUAL);
    const url = `${MIRROR}/dists/trixie/InRelease`;
    const signed = new TextDecoder().decode(archive.files.get(url));
    const refuses = async (text: string, message: string) => {
      archive.files.set(url, encode(text));
      const options = optionsOf(archive, folder, "server");
      await assertRejects(() => resolveDebian(options), Error, message);
      assertThrows(() => Deno.statSync(`${folder}/cache/index`), Deno.errors.NotFound);
    };
    await refuses(signed.replace("riscv64", "riscv65"), "is wrong");
    await refuses(
      signed.replace(/\n\n([A-Za-z0-9+/]{20})/, "\n\n$1A"),
      "its signature cannot be read",
    );
    await refuses("Suite: stable\nCodename: trixie\n", "its signature cannot be read");
    const stranger = await generateKey({
      type: "curve25519",
      userIDs: [{ name: "Stranger" }],
      format: "object",
    });
    const message = await createCleartextMessage({ text: "Suite: stable\nCodename: trixie\n" });
    const theirs = await sign({ message, signingKeys: stranger.privateKey });
    await refuses(theirs, "has no such key; update debian-archive-keyring");
    // What is around the signed text does not count.
    const around = `Suite: other\n\n${signed}\nSuite: other\n`;
    archive.files.set(url, encode(around));
    await resolveDebian(optionsOf(archive, folder, "server")).catch((failure) =>
      assertStringIncludes(failure.message, "its signature cannot be read")
    );
    const missing = { ...optionsOf(archive, folder, "server"), keyring: `${folder}/nowhere.gpg` };
    await assertRejects(() => resolveDebian(missing), Error, "install debian-archive-keyring");
    const other = await archiveOf(USUAL, "sid");
    await assertRejects(
      () => resolveDebian(optionsOf(other, folder, "server")),
      Error,
      "it is of suite sid, not of trixie",
    );
  });
});

Deno.test("packages that are not what the index says, or not to be trusted, are refused by name", async () => {
  await withFolder(async (folder) => {
    const refuses = async (bad: SmallPackage, message: string) => {
      const archive = await archiveOf([BASE_FILES, BASE_PASSWD, MAWK, bad]);
      const options = optionsOf(archive, folder, "server");
      await assertRejects(() => buildDebianRoot(options), Error, message);
    };
    const { control } = SERVER;
    const of = (...members: Member[]): SmallPackage => ({ control, members });
    await refuses(
      { ...SERVER, sha256: "0".repeat(64) },
      `Cannot use ${MIRROR}/pool/server.deb: its SHA-256 is`,
    );
    await refuses(
      { ...SERVER, deb: (deb) => deb.slice(0, -200) },
      "Cannot unpack server: it ends within",
    );
    await refuses(
      { ...SERVER, deb: () => encode("no package") },
      "Cannot unpack server: it is not an ar",
    );
    await refuses(
      { ...SERVER, deb: (deb) => deb.slice(0, deb.length).fill(0, deb.length - 300) },
      "Cannot unpack server: ",
    );
    await refuses(
      of({ name: "../../etc/passwd", contents: "x" }),
      'Cannot unpack server: Cannot use path ../../etc/passwd: it has ".."',
    );
    await refuses(of({ name: "./usr/../../x", contents: "x" }), 'it has ".."');
    await refuses(
      of({ name: "./x", type: "link", linkname: "../../../etc/shadow" }),
      'it has ".."',
    );
    await refuses(of({ name: "./x", type: "link", linkname: "nowhere" }), "which is no file");
    await refuses(
      of({ name: "./a", type: "symlink", linkname: "b" }, {
        name: "./b",
        type: "symlink",
        linkname: "a",
      }, { name: "./a/x", contents: "x" }),
      "too many symbolic links",
    );
    await refuses(
      of({ name: "./a", contents: "" }, { name: "./a/b", contents: "" }),
      "Cannot use /a as a directory: it is a file",
    );
    await refuses(
      of({ name: "./usr/bin/mawk", contents: "x" }),
      "Cannot unpack server: /usr/bin/mawk is in mawk too",
    );
    await refuses(
      { control: control.replace("mawk (>= 1)", "mawk (>= 1), libmissing1"), members: [] },
      "Cannot install libmissing1, needed by server: the archive has no such package",
    );
  });
});

Deno.test("a link that leads up stops at the root of the tree", async () => {
  await withFolder(async (folder) => {
    const members: Member[] = [
      { name: "./up", type: "symlink", linkname: "../../../../etc" },
      { name: "./up/file", contents: "inside" },
    ];
    const archive = await archiveOf([BASE_FILES, BASE_PASSWD, MAWK, {
      control: SERVER.control,
      members,
    }]);
    const tree = await buildDebianRoot(optionsOf(archive, folder, "server"));
    assertEquals(await tree.readText("etc/file"), "inside");
  });
});

Deno.test("a package may replace files of another where it says so", async () => {
  await withFolder(async (folder) => {
    const mine: Member = { name: "./usr/bin/mawk", mode: 0o755, contents: "replaced" };
    const archive = await archiveOf([BASE_FILES, BASE_PASSWD, MAWK, {
      control: `${SERVER.control}Replaces: mawk (<< 2)\n`,
      members: [mine],
    }]);
    const tree = await buildDebianRoot(optionsOf(archive, folder, "server"));
    assertEquals(await tree.readText("usr/bin/awk"), "replaced");
  });
});

Deno.test("folders and tar files of the host become images with the same contents", async () => {
  await withFolder(async (folder) => {
    const source = `${folder}/source`;
    Deno.mkdirSync(`${source}/deep/er`, { recursive: true });
    const large = Uint8Array.from({ length: 3_000_000 }, (_, at) => at * 31 + (at >> 8));
    Deno.writeFileSync(`${source}/deep/er/large`, large);
    Deno.writeTextFileSync(`${source}/empty`, "");
    Deno.linkSync(`${source}/deep/er/large`, `${source}/same`);
    Deno.symlinkSync("deep/er", `${source}/link`);
    Deno.chmodSync(`${source}/empty`, 0o2640);
    Deno.utimeSync(`${source}/empty`, 1_600_000_000, 1_600_000_000);
    const archive = `${folder}/tree.tar.gz`;
    command("tar", "-czf", archive, "--owner=0", "--group=0", "--sort=name", "-C", source, ".");
    for (
      const [name, tree] of [
        ["folder", treeOfFolder(source)],
        ["tar", await treeOfTar(archive)],
      ] as [string, Tree][]
    ) {
      const image = `${folder}/${name}.img`;
      await writeExt4(image, 32 << 20, tree);
      assertEquals(Deno.statSync(image).size, 32 << 20);
      command("e2fsck", "-fn", image);
      debugfs(image, `dump /deep/er/large ${folder}/out`);
      assertEquals(Deno.readFileSync(`${folder}/out`), large, name);
      assertStringIncludes(debugfs(image, "stat /same"), "Links: 2");
      assertEquals(attributesOf(image, "/empty"), "regular 02640 0:0");
      assertStringIncludes(debugfs(image, "stat /empty"), "mtime: 0x5f5e1000:00000000");
      assertStringIncludes(debugfs(image, "stat /link"), 'dest: "deep/er"');
    }
    Deno.writeFileSync(archive, Deno.readFileSync(archive).slice(0, -5000));
    await assertRejects(
      () => treeOfTar(archive),
      Error,
      `Cannot read tar file ${archive}: its gzip`,
    );
    assertThrows(() => treeOfFolder(`${folder}/nowhere`));
  });
});

Deno.test("a folder of the host is added to a tree with what is in it, a file as a file", async () => {
  await withFolder((folder) => {
    const source = `${folder}/source`;
    Deno.mkdirSync(`${source}/deep`, { recursive: true });
    Deno.writeTextFileSync(`${source}/deep/one`, "one");
    Deno.linkSync(`${source}/deep/one`, `${source}/same`);
    Deno.symlinkSync("deep", `${source}/link`);
    Deno.chmodSync(`${source}/deep/one`, 0o755);
    const tree = new Tree();
    tree.addAll(entriesOfHost("etc/added", source), "replace");
    tree.addAll(entriesOfHost("etc/added/deep/two", `${source}/deep/one`), "replace");
    const text = (entry: Entry) =>
      `${entry.kind} ${entry.path} ${entry.mode.toString(8)}` +
      ("target" in entry ? ` ${entry.target}` : "");
    assertEquals(tree.entries.filter(({ path }) => path !== "").map(text), [
      "directory etc 755",
      "directory etc/added 755",
      "directory etc/added/deep 755",
      "file etc/added/deep/one 755",
      "symlink etc/added/link 777 deep",
      "file etc/added/deep/two 755",
      "hardlink etc/added/same 755 etc/added/deep/one",
    ]);
    const failure = assertThrows(() => entriesOfHost("etc/it", `${folder}/nowhere`), Error);
    assertStringIncludes(failure.message, `Cannot add ${folder}/nowhere as /etc/it: `);
    return Promise.resolve();
  });
});

Deno.test("a tree that does not fit is refused, and leaves no image behind", async () => {
  await withFolder(async (folder) => {
    const tree = new Tree();
    tree.add(fileEntry("large", new Uint8Array(12 << 20)));
    await assertRejects(
      () => writeExt4(`${folder}/x.img`, 8 << 20, tree),
      Error,
      `Cannot make image ${folder}/x.img: the tree does not fit in 8388608 bytes`,
    );
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("a tree with more directories than the file system keeps in memory is written whole", async () => {
  await withFolder(async (folder) => {
    const tree = new Tree();
    const paths = Array.from({ length: 4000 }, (_, index) => `d${index % 50}/e${index}`);
    for (const path of paths) tree.add(fileEntry(`${path}/file`, path));
    const image = `${folder}/x.img`;
    await writeExt4(image, 2 * 2 ** 30, tree);
    command("e2fsck", "-fn", image);
    assertEquals(debugfs(image, "cat /d49/e3999/file"), "d49/e3999");
  });
});

Deno.test("a tree with many small files gets an image with inodes enough", async () => {
  await withFolder(async (folder) => {
    const tree = new Tree();
    for (let index = 0; index < 6000; index++) {
      tree.add(fileEntry(`many/${"n".repeat(60)}${index}`, index % 3 === 0 ? "x" : ""));
    }
    await writeExt4(`${folder}/x.img`, "fit", tree);
    command("e2fsck", "-fn", `${folder}/x.img`);
  });
});

Deno.test("an image is made once for the same input, and the same bytes each time", async () => {
  await withFolder(async (folder) => {
    const archive = await archiveOf(USUAL);
    const options = optionsOf(archive, folder, "server");
    const request = { ...options, sizeBytes: "fit" as const, extra: [fileEntry("etc/x", "1")] };
    const first = await debianImage(request);
    const bytes = Deno.readFileSync(first.path);
    const { mtime } = Deno.statSync(first.path);
    assertEquals((await debianImage(request)).path, first.path);
    assertEquals(Deno.statSync(first.path).mtime, mtime);
    Deno.removeSync(first.path);
    assertEquals((await debianImage(request)).path, first.path);
    assertEquals(Deno.readFileSync(first.path), bytes);
    const other = await debianImage({ ...request, extra: [fileEntry("etc/x", "2")] });
    assert(other.path !== first.path);
    const failing = imageFor({
      cacheFolder: folder,
      key: 1,
      sizeBytes: "fit",
      tree: () => Promise.reject(new Error("no tree")),
    });
    await assertRejects(() => failing, Error, "no tree");
    assertEquals([...Deno.readDirSync(`${folder}/images`)], []);
  });
});

Deno.test("apt's configuration is read in both of its styles", () => {
  const lines = readOneLineStyle(
    "# deb http://no main\ndeb [arch=amd64 signed-by=/k] http://m/debian/ bookworm main contrib # x\n" +
      "deb-src http://m/debian bookworm main\n",
  );
  assertEquals(lines, [
    { uris: ["http://m/debian/"], suites: ["bookworm"], components: ["main", "contrib"] },
  ]);
  const stanzas = readDeb822Style(
    "Types: deb deb-src\n# note\nURIs: http://m/debian\nSuites: trixie trixie-updates\n" +
      "Components: main\n\nTypes: deb\nEnabled: no\nURIs: http://off\nSuites: x\nComponents: main\n",
  );
  assertEquals(stanzas, [
    { uris: ["http://m/debian"], suites: ["trixie", "trixie-updates"], components: ["main"] },
  ]);
  assertEquals(sourcesOf("trixie", "http://m/debian/"), [
    { uri: "http://m/debian", suites: ["trixie", "trixie-updates"] },
  ]);
});

Deno.test("contents that are not as long as they say are an error", async () => {
  const short = {
    sizeBytes: 10,
    async *chunks() {
      yield await Promise.resolve(new Uint8Array(4));
    },
  };
  await assertRejects(() => readData(short), Error, "it is shorter than it says");
  await withFolder(async (folder) => {
    const tree = new Tree();
    tree.add(fileEntry("a/short", short));
    await assertRejects(
      () => writeExt4(`${folder}/x.img`, "fit", tree),
      Error,
      "/a/short: it has 4 bytes, and was to have 10",
    );
  });
});

const realMirror = Deno.env.get("VIRTUOS_TEST_MIRROR");
Deno.test({
  name:
    "sqlite3 of the real archive makes a clean image (VIRTUOS_TEST_MIRROR: its address, or apt)",
  ignore: realMirror === undefined || realMirror === "",
  fn: () =>
    withFolder(async (folder) => {
      const { path, packages } = await debianImage({
        suite: "trixie",
        architecture: "riscv64",
        packages: ["sqlite3", "busybox-static"],
        mirror: realMirror === "apt" ? undefined : realMirror,
        cacheFolder: folder,
        sizeBytes: "fit",
        extra: [symlinkEntry("bin/sh", "busybox")],
      });
      assert(packages.some(({ name }) => name === "libc6"));
      command("e2fsck", "-fn", path);
      assertStringIncludes(debugfs(path, "stat /usr/bin/sqlite3"), "Mode:  0755");
    }),
});
