// Disk images that the plan says to make when they are not there.
import type { Plan } from "../../../schemas/plan.ts";
import { makeExt4 } from "../../image/mkfs/mkfs.ts";
import type { MachineEvent } from "../../report.ts";

/**
 * Makes the missing images. Each is written beside its name first, so that none is left half made.
 * @throws Error that names the image
 */
export function prepareImages(plan: Plan, event: (event: MachineEvent) => void): void {
  for (const { image, create } of plan.machine.devices) {
    if (image === undefined || create === undefined || exists(image)) continue;
    const unfinished = `${image}.unfinished`;
    try {
      const file = Deno.openSync(unfinished, { write: true, create: true, truncate: true });
      try {
        file.truncateSync(create.sizeBytes);
        makeExt4({
          sizeBytes: create.sizeBytes,
          write(offset, bytes) {
            file.seekSync(offset, Deno.SeekMode.Start);
            for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
          },
        }, {
          timeSeconds: Math.floor(Date.now() / 1000),
          uuid: crypto.getRandomValues(new Uint8Array(16)),
          label: plan.name,
        });
        file.syncSync();
      } finally {
        file.close();
      }
      Deno.renameSync(unfinished, image);
    } catch (failure) {
      throw new Error(`Cannot make image ${image}: ${(failure as Error).message}`);
    }
    event({ kind: "image-created", image, sizeBytes: create.sizeBytes });
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}
