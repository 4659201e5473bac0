// Extended attributes on images of several shapes: debugfs reads what we wrote, we read what debugfs wrote, and
// e2fsck finds everything clean, also after files that had them are gone.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Coroutine, finish, Tasks } from "../../coroutine.ts";
import { createDomainMemory } from "../../domain_memory.ts";
import { E, Errno } from "../../errno.ts";
import { type Inode, S } from "../../vfs/filesystem.ts";
import { DOMAIN_BASE, seededRandom } from "../../../../tests/small_machine.ts";
import { TestDisk } from "../../../../tests/test_disk.ts";
import { Ext4 } from "./ext4.ts";

const MEMORY_BYTES = 4 << 20;

function tools(name: string, ...args: string[]): { code: number; text: string } {
  const { code, stdout, stderr } = new Deno.Command(name, {
    args,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  }).outputSync();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Mounts the image of a path, lets `work` have it, and unmounts it. */
function withImage(path: string, work: (ext4: Ext4) => Coroutine<void>): void {
  const bytes = Deno.readFileSync(path);
  const next = seededRandom(1);
  const disk = new TestDisk(bytes, next);
  let nowNs = 0;
  const tasks = new Tasks(() => nowNs);
  const ext4 = new Ext4(
    {
      nowNs: () => nowNs,
      realtimeNs: () => 1_700_000_000_000_000_000n + BigInt(nowNs++),
      random: (into) => into.forEach((_, index) => into[index] = next()),
      tasks,
      memory: createDomainMemory(new SharedArrayBuffer(MEMORY_BYTES), DOMAIN_BASE),
      log: (line) => console.error(line),
    },
    disk,
    Infinity,
  );
  let failure: unknown, over = false;
  const body = function* (): Coroutine<void> {
    yield* ext4.mount();
    yield* work(ext4);
    yield* ext4.unmount();
  };
  tasks.spawn(body(), (_value, thrown) => {
    failure = thrown;
    over = true;
  });
  while (!over) if (tasks.run() + disk.poll() === 0) nowNs = Math.max(nowNs, tasks.nextDeadlineNs);
  if (failure !== undefined) throw failure;
  Deno.writeFileSync(path, bytes);
}

const text = (value: string) => new TextEncoder().encode(value);

function assertClean(path: string): void {
  const { code, text } = tools("e2fsck", "-fn", path);
  assertEquals(code, 0, text);
}

function* make(parent: Inode, name: string): Coroutine<Inode> {
  return yield* finish(parent.create(name, S.IFREG | 0o644, 0, 0, 0));
}

for (
  const [title, options] of [
    ["as mke2fs makes them", []],
    ["of inodes without room", ["-I", "128"]],
    ["without checksums", ["-O", "^metadata_csum"]],
    ["of small blocks", ["-b", "1024"]],
  ] as [string, string[]][]
) {
  Deno.test(`extended attributes on images ${title}`, () => {
    const path = Deno.makeTempFileSync();
    try {
      assertEquals(tools("mke2fs", "-q", "-F", "-t", "ext4", ...options, path, "16M").code, 0);
      withImage(path, function* ({ root }) {
        const file = yield* make(root, "file");
        yield* finish(file.setAttribute!("user.small", text("value")));
        for (let each = 0; each < 8; each++) {
          yield* finish(file.setAttribute!(`user.long${each}`, text(`${each}`.repeat(70))));
        }
        yield* finish(file.setAttribute!("user.long3", undefined));
        yield* finish(file.setAttribute!("security.label", text("s0")));
        const gone = yield* make(root, "gone");
        yield* finish(gone.setAttribute!("user.large", text("g".repeat(600))));
        yield* finish(root.unlink("gone"));
        yield* finish(gone.release());
        const link = yield* finish(root.symlink("link", "file", 0, 0));
        yield* finish(link.setAttribute!("trusted.long", text("t".repeat(300))));
        let failed = 0;
        try {
          yield* finish(file.setAttribute!("user.huge", text("h".repeat(5000))));
        } catch (failure) {
          failed = failure instanceof Errno ? failure.errno : -1;
        }
        assertEquals(failed, E.ENOSPC);
        for (const each of [file, link]) yield* finish(each.release());
      });
      assertClean(path);
      const listed = tools("debugfs", "-R", "ea_list file", path).text;
      assertStringIncludes(listed, 'user.small (5) = "value"');
      const long = tools("debugfs", "-R", "ea_get -V file user.long7", path).text;
      assertStringIncludes(long, "7".repeat(70));
      assertStringIncludes(listed, 'security.label (2) = "s0"');
      assertEquals(listed.includes("user.long3"), false, listed);
      tools("debugfs", "-w", "-R", "ea_set file user.theirs from-them", path);
      tools("debugfs", "-w", "-R", "ea_rm file user.long0", path);
      withImage(path, function* ({ root }) {
        const file = (yield* finish(root.lookup("file")))!;
        const theirs = yield* finish(file.getAttribute!("user.theirs"));
        assertEquals(new TextDecoder().decode(theirs), "from-them");
        const names = (yield* finish(file.listAttributes!())).toSorted();
        const long = [1, 2, 4, 5, 6, 7].map((each) => `user.long${each}`);
        assertEquals(names, ["security.label", ...long, "user.small", "user.theirs"]);
        for (const name of names) yield* finish(file.setAttribute!(name, undefined));
        assertEquals(yield* finish(file.listAttributes!()), []);
        yield* finish(file.release());
      });
      assertClean(path);
      assertEquals(tools("debugfs", "-R", "ea_list file", path).text.includes("user."), false);
    } finally {
      Deno.removeSync(path);
    }
  });
}

Deno.test("a file without a name is an orphan until it gets one", () => {
  const path = Deno.makeTempFileSync();
  try {
    assertEquals(tools("mke2fs", "-q", "-F", "-t", "ext4", path, "16M").code, 0);
    withImage(path, function* ({ root }) {
      const named = yield* finish(root.createUnnamed!(S.IFREG | 0o600, 1, 2));
      named.unnamed = true;
      yield* finish(named.write(0, text("contents")));
      const lost = yield* finish(root.createUnnamed!(S.IFREG | 0o600, 1, 2));
      yield* finish(lost.write(0, text("contents")));
      yield* finish(root.link("named", named));
      assertEquals(named.attributes.links, 1);
      for (const each of [named, lost]) yield* finish(each.release());
    });
    assertClean(path);
    assertStringIncludes(tools("debugfs", "-R", "cat named", path).text, "contents");
  } finally {
    Deno.removeSync(path);
  }
});
