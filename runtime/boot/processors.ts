// Where the hart and the devices run on a host with few processors. A scheduler puts who is woken beside who wakes
// him, so that those who hand work on share a processor, one after the other, while the other has nothing to do
// (docs/decisions/2026-11-30-neighbours-apart.md). With more processors there is room for all.
import type { Plan } from "../../schemas/plan.ts";

const symbols = {
  sched_getaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  sched_setaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Hosts with more leave nobody waiting. */
const MOST_PROCESSORS = 3;
/** Bits of a `cpu_set_t`, in bytes of memory. */
const SET_BYTES = 128;
const THIS_THREAD = 0;

/** The hart's place. */
export const HART_PLACE = 0;

/**
 * The place of the devices: not the hart's where that drives disks or networks itself; but where domains do, it is
 * they who are between both, and need the other processor.
 */
export function devicesPlace({ machine, domains }: Pick<Plan, "machine" | "domains">): number {
  const primary = domains.find((domain) => domain.primary)!.name;
  const driven = machine.devices.some(({ model, domain }) =>
    domain === primary && (model === "virtio-blk" || model === "virtio-net")
  );
  return driven ? HART_PLACE + 1 : HART_PLACE;
}

/**
 * Keeps the calling thread on one processor, where there are few and the host lets it. Machines begin to count at
 * different ones.
 */
export function settle(place: number): void {
  const mayCall = Deno.build.os === "linux" &&
    Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  if (!mayCall) return;
  const libc = Deno.dlopen("libc.so.6", symbols);
  const set = new Uint8Array(SET_BYTES), size = BigInt(SET_BYTES);
  if (libc.symbols.sched_getaffinity(THIS_THREAD, size, set) === 0) {
    const processors = processorsOf(set);
    if (processors.length > 1 && processors.length <= MOST_PROCESSORS) {
      const mine = processors[(Deno.pid + place) % processors.length];
      libc.symbols.sched_setaffinity(THIS_THREAD, size, setOf(mine));
    }
  }
  libc.close();
}

/** The processors of a set, in their order. */
export function processorsOf(set: Uint8Array): number[] {
  const processors: number[] = [];
  for (let index = 0; index < set.length * 8; index++) {
    if ((set[index >> 3] & 1 << (index & 7)) !== 0) processors.push(index);
  }
  return processors;
}

/** The set of one processor. */
export function setOf(processor: number): Uint8Array<ArrayBuffer> {
  const set = new Uint8Array(SET_BYTES);
  set[processor >> 3] = 1 << (processor & 7);
  return set;
}
