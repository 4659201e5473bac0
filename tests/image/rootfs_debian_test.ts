// Root file systems from a small hand-made archive: signed indexes, packages, their trees, and what hostile
// archives get for an answer.
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { createCleartextMessage, generateKey, sign } from "openpgp";
import {
  buildDebianRoot,
  type DebianOptions,
  resolveDebian,
} from "../../runtime/image/debian/root.ts";
import { sha256Of, Store } from "../../runtime/image/debian/store.ts";
import { directoryEntry, fileEntry, symlinkEntry } from "../../runtime/image/tree/entry.ts";
import { writeExt4 } from "../../runtime/image/write_ext4.ts";
import {
  archiveOf,
  attributesOf,
  BASE_FILES,
  BASE_PASSWD,
  command,
  debugfs,
  encode,
  MAWK,
  type Member,
  MIRROR,
  optionsOf,
  SERVER,
  type SmallPackage,
  USUAL,
  withFolder,
} from "./small_archive.ts";

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
