// What is read of the disk under a mounted file system is what its last commit left, from any byte on: e2fsck finds
// it clean at any time.
import { assertEquals } from "@std/assert";
import {
  ext4Machine,
  hostCommand,
  makeFile,
  ownImage,
} from "../../../../tests/storage/small_ext4.ts";
import type { Coroutine } from "../../coroutine.ts";
import { finish } from "../../coroutine.ts";
import type { Ext4 } from "./ext4.ts";

function* copyOf({ readDisk }: Pick<Ext4, "readDisk">, bytes: number): Coroutine<Uint8Array> {
  const copy = new Uint8Array(bytes);
  for (let done = 0; done < bytes;) {
    // Pieces that fit no block.
    const count = yield* readDisk(done, copy.subarray(done, done + 100_001));
    assertEquals(count > 0, true);
    done += count;
  }
  return copy;
}

Deno.test("a mounted disk reads as its last commit left it", () => {
  const image = ownImage(16);
  const { ext4, run } = ext4Machine(image);
  run(ext4.mount());
  const path = Deno.makeTempFileSync();
  const check = (free: number) => {
    const read = { readDisk: (offset: number, into: Uint8Array) => ext4.readDisk(offset, into) };
    Deno.writeFileSync(path, run(copyOf(read, image.length)));
    const { code, text } = hostCommand("e2fsck", "-f", "-n", path);
    assertEquals(code, 0, text);
    const told = hostCommand("dumpe2fs", "-h", path).text;
    assertEquals(/Free inodes: +(\d+)/.exec(told)?.[1], String(free));
  };
  const free = ext4.groups.freeInodes;
  try {
    check(free);
    run(function* () {
      for (let each = 0; each < 40; each++) {
        const file = yield* makeFile(ext4.root, `file${each}`, new Uint8Array(10_000));
        yield* finish(file.release());
      }
    }());
    // Nothing of that is committed.
    check(free);
    run(ext4.sync());
    check(free - 40);
    const end = new Uint8Array(1000);
    assertEquals(run(ext4.readDisk(image.length - 600, end)), 600);
    assertEquals(run(ext4.readDisk(image.length, end)), 0);
    assertEquals(run(ext4.readDisk(image.length + 5, end)), 0);
  } finally {
    Deno.removeSync(path);
  }
});
