// Sequential reads and writes through system call, ring, ext4, block layer, IOMMU and virtio-blk to an
// image file; beside Deno on a file of its own in the same folder.
import { repeated, type Settings } from "./bench.ts";
import { runProgram } from "./booted_program.ts";
import { type Pair, type Row, row } from "./statistics.ts";

const MIB = 1 << 20;
/** Until the kernel's code is compiled. */
const WARM_UP_MIB = 256;

function onHost(path: string, count: number, operation: "write" | "read"): number {
  const buffer = new Uint8Array(MIB).fill(7);
  const write = operation === "write";
  using file = Deno.openSync(path, { read: true, write, create: write, truncate: write });
  const start = performance.now();
  for (let part = 0; part < count; part++) {
    for (let done = 0; done < MIB;) {
      const rest = buffer.subarray(done);
      done += write ? file.writeSync(rest) : file.readSync(rest)!;
    }
  }
  if (write) file.syncSync();
  return count / (performance.now() - start) * 1000;
}

/** MiB a second. */
export async function* sequential(settings: Settings): AsyncGenerator<Row> {
  const { folder, quick, wants } = settings;
  const count = quick ? 256 : 512;
  for (const manifest of ["quickstart.yaml", "quickstart_monolithic.yaml"]) {
    const isolation = manifest === "quickstart.yaml" ? "process" : "none";
    const pairs: Record<"write" | "read", Pair[]> = { write: [], read: [] };
    const name = (operation: "write" | "read") =>
      `sequential ${operation}, 1 MiB, storage ${isolation}`;
    if (!wants(name("write")) && !wants(name("read"))) continue;
    await repeated(settings, `writes and reads, storage ${isolation}`, quick ? 3 : 7, async () => {
      // Each boot begins with an empty page cache: what is read comes from the image.
      for (const operation of ["write", "read"] as const) {
        const ours = Number(
          await runProgram(
            manifest,
            `${folder}/${manifest}.img`,
            "./sequential_program.ts",
            [operation, String(WARM_UP_MIB), String(count)],
            ({ machine }) => {
              for (const { create } of machine.devices) {
                if (create !== undefined) create.sizeBytes = 1024 * MIB;
              }
            },
          ),
        );
        pairs[operation].push({ ours, peer: onHost(`${folder}/host`, count, operation) });
      }
    });
    for (const operation of ["write", "read"] as const) {
      yield row(name(operation), "MiB/s", "Deno on a file", ">= 0.3", pairs[operation]);
    }
  }
}
