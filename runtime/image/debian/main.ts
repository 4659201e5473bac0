// Builds an image from Debian packages, to try it: main.ts OUT.img PACKAGE... Settings come from the
// environment: DEBIAN_SUITE, DEBIAN_MIRROR, DEBIAN_CACHE (a folder), IMAGE_SIZE (bytes).
import { writeExt4 } from "../write_ext4.ts";
import type { ProgressEvent } from "../progress.ts";
import { buildDebianRoot, resolveDebian } from "./root.ts";

async function main([out, ...packages]: string[]): Promise<void> {
  if (out === undefined || packages.length === 0) {
    console.error("usage: main.ts OUT.img PACKAGE...");
    Deno.exit(2);
  }
  const progress = ({ step, what, done, total }: ProgressEvent) => {
    if (step === "index" || step === "note" || done === total) {
      console.error(`${step} ${done}/${total} ${what}`);
    }
  };
  const options = {
    suite: Deno.env.get("DEBIAN_SUITE") ?? "trixie",
    architecture: "riscv64",
    packages,
    mirror: Deno.env.get("DEBIAN_MIRROR"),
    cacheFolder: Deno.env.get("DEBIAN_CACHE") ?? ".virtuos/debian",
    progress,
  };
  const start = performance.now();
  const resolved = await resolveDebian(options);
  console.error(resolved.map(({ name, version }) => `${name} ${version}`).join("\n"));
  const tree = await buildDebianRoot(options, resolved);
  const unpacked = performance.now();
  const size = Deno.env.get("IMAGE_SIZE");
  await writeExt4(out, size === undefined ? "fit" : Number(size), tree, { progress });
  const written = performance.now();
  console.error(
    `${out}: ${tree.size} entries, ${Deno.statSync(out).size} bytes; tree ${
      Math.round(unpacked - start)
    } ms, image ${Math.round(written - unpacked)} ms`,
  );
}

try {
  await main(Deno.args);
} catch (failure) {
  console.error((failure as Error).message);
  Deno.exit(1);
}
