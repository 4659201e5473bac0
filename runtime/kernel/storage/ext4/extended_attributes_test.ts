// Extended attributes on images of several shapes: debugfs reads what we wrote, we read what debugfs wrote, and
// e2fsck finds everything clean, also after files that had them are gone.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { hostCommand, makeFile, withImage } from "../../../../tests/storage/small_ext4.ts";
import { finish } from "../../coroutine.ts";
import { E, Errno } from "../../errno.ts";
import { SYMLINK_MODE } from "../../vfs/filesystem.ts";

const NO_BYTES = new Uint8Array(0);

const text = (value: string) => new TextEncoder().encode(value);

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
      assertEquals(
        hostCommand("mke2fs", "-q", "-F", "-t", "ext4", ...options, path, "16M").code,
        0,
      );
      withImage(path, function* ({ root }) {
        const file = yield* makeFile(root, "file", NO_BYTES);
        yield* finish(file.setAttribute!("user.small", text("value")));
        for (let each = 0; each < 8; each++) {
          yield* finish(file.setAttribute!(`user.long${each}`, text(`${each}`.repeat(70))));
        }
        yield* finish(file.setAttribute!("user.long3", undefined));
        yield* finish(file.setAttribute!("security.label", text("s0")));
        const gone = yield* makeFile(root, "gone", NO_BYTES);
        yield* finish(gone.setAttribute!("user.large", text("g".repeat(600))));
        yield* finish(root.unlink("gone"));
        yield* finish(gone.release());
        const link = yield* finish(
          root.create("link", { mode: SYMLINK_MODE, uid: 0, gid: 0, target: "file" }),
        );
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
      const listed = hostCommand("debugfs", "-R", "ea_list file", path).text;
      assertStringIncludes(listed, 'user.small (5) = "value"');
      const long = hostCommand("debugfs", "-R", "ea_get -V file user.long7", path).text;
      assertStringIncludes(long, "7".repeat(70));
      assertStringIncludes(listed, 'security.label (2) = "s0"');
      assertEquals(listed.includes("user.long3"), false, listed);
      hostCommand("debugfs", "-w", "-R", "ea_set file user.theirs from-them", path);
      hostCommand("debugfs", "-w", "-R", "ea_rm file user.long0", path);
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
      assertEquals(
        hostCommand("debugfs", "-R", "ea_list file", path).text.includes("user."),
        false,
      );
    } finally {
      Deno.removeSync(path);
    }
  });
}
