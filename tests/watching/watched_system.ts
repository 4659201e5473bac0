// A small system in the background for tests of what watches it: a storage domain, and a program that
// writes to it for as long as anybody looks.
import { assertEquals } from "@std/assert";
import { composeCommand, withFolder } from "../fixtures/boot_harness.ts";
import { smallManifest } from "../fixtures/small_manifest.ts";

const writer = new URL("../../examples/programs/record_writer.ts", import.meta.url);
const manifest = smallManifest({
  disk: "image: disk.img, create: { format: ext4, size: 64MiB }",
  storage: "recovery: { policy: restart, clients: retry, backoff: 1ms }",
  programs: `  writer: { run: ${writer}, args: [/records, "100000000"] }`,
});

export type Compose = (...args: string[]) => Promise<{ code: number; out: string; err: string }>;

/** Runs `body` while the system "small" runs. */
export function withWatchedSystem(
  body: (compose: Compose, folder: string) => Promise<void>,
): Promise<void> {
  return withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/small.yaml`, manifest);
    const compose: Compose = async (...args) => {
      const { code, stdout, stderr } = await composeCommand(folder, args).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return { code, out: text(stdout), err: text(stderr) };
    };
    try {
      const up = await compose("up", "-d", "small.yaml");
      assertEquals(up.code, 0, up.err);
      await body(compose, folder);
    } finally {
      await compose("down", "small");
    }
  });
}
