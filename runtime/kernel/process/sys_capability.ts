// Capabilities (capabilities(7)) as far as there are any: root has all of them, others have none, and who
// gave root's effective id up may take it back as long as another of its ids is root's.
import { E, fail } from "../errno.ts";
import type { Handlers } from "./handler.ts";
import { getInt, putInt } from "./little_endian.ts";
import type { Process } from "./process.ts";
import { processOf } from "./sys_session.ts";

/** Number of the last capability, as /proc/sys/kernel/cap_last_cap has it. */
export const LAST_CAPABILITY = 40;
/** Sets as one structure per 32 capabilities. */
const VERSION_3 = 0x2008_0522;
/** The same under an older number. */
const VERSION_2 = 0x2007_1026;

/** A set that has every capability, or none, as two 32-bit words. */
function words(all: boolean): [low: number, high: number] {
  return all ? [0xffff_ffff, 2 ** (LAST_CAPABILITY - 31) - 1] : [0, 0];
}

/** The effective and the permitted set of a process, each as two words. */
export function capabilities({ identity }: Process): {
  effective: [number, number];
  permitted: [number, number];
} {
  const { ruid, euid, suid } = identity;
  return {
    effective: words(euid === 0),
    permitted: words(ruid === 0 || euid === 0 || suid === 0),
  };
}

/**
 * The process that a header names. @returns undefined for a version that is not known, which the header
 * then says
 */
function named(process: Process, header: Uint8Array): Process | undefined {
  const version = getInt(header, 0);
  if (version !== VERSION_3 && version !== VERSION_2) {
    putInt(header, 0, VERSION_3);
    return undefined;
  }
  const pid = getInt(header, 4);
  if (pid < 0) fail(E.EINVAL);
  return processOf(process, pid);
}

/** @param data per 32 capabilities: effective, permitted, inheritable; without it, the version is asked */
function capget(process: Process, header: Uint8Array, data: Uint8Array | undefined): number {
  const target = named(process, header);
  if (data === undefined) return 0;
  const { effective, permitted } = capabilities(target ?? fail(E.EINVAL));
  for (const half of [0, 1]) {
    putInt(data, half * 12, effective[half]);
    putInt(data, half * 12 + 4, permitted[half]);
    putInt(data, half * 12 + 8, 0);
  }
  return 0;
}

function capset(process: Process, header: Uint8Array, data: Uint8Array): number {
  const target = named(process, header) ?? fail(E.EINVAL);
  if (target !== process) fail(E.EPERM);
  const { permitted } = capabilities(process);
  for (const half of [0, 1]) {
    const effective = getInt(data, half * 12), wanted = getInt(data, half * 12 + 4);
    if ((wanted & ~permitted[half]) !== 0 || (effective & ~wanted) !== 0) fail(E.EPERM);
  }
  return 0;
}

export const capabilityCalls: Handlers = { capget, capset };
