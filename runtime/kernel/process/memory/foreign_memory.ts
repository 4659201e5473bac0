// Memory of a process as others see it: /proc/PID/mem and cmdline, process_vm_readv(2), and ptrace(2), for which
// private pages can be read and written whatever the program itself may do with them.
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import type { Coroutine } from "../../coroutine.ts";
import type { AddressSpace } from "./address_space.ts";
import { END_PAGE } from "./mapping.ts";

const END = END_PAGE * PAGE_BYTES;

/** How memory is accessed. */
export interface ForeignAccess {
  write: boolean;
  /** protection does not count, as for a debugger: what is written to private pages is this process's alone */
  forced: boolean;
}

/**
 * Copies between memory and bytes, waiting for pages as they are needed.
 * @param bytes get what is there, or have what is to be there
 * @returns how many bytes were copied before something could not be accessed
 */
export function* copyForeign(
  space: AddressSpace,
  address: number,
  bytes: Uint8Array,
  { write, forced }: ForeignAccess,
): Coroutine<number> {
  const access = write ? Access.WRITE : Access.READ;
  const { frames } = space.memory;
  const stop = Math.min(address + bytes.length, END) - address;
  let done = 0;
  // It stays while it is looked at, whatever becomes of its process.
  space.users++;
  try {
    while (done < stop) {
      const within = (address + done) % PAGE_BYTES;
      const page = (address + done - within) / PAGE_BYTES;
      const frame = space.frameFor(page, access, forced);
      if (frame === 0) {
        if ((yield* space.fault(page, access, forced)) !== undefined) break;
        continue;
      }
      const length = Math.min(PAGE_BYTES - within, stop - done);
      const there = frames.bytes.subarray(frame + within, frame + within + length);
      if (write) there.set(bytes.subarray(done, done + length));
      else bytes.set(there, done);
      done += length;
    }
    return done;
  } finally {
    space.release();
  }
}
