// capget(2) and capset(2).
import { isWithin } from "./capability_sets.ts";
import { E, fail } from "../errno.ts";
import type { Handlers } from "./handler.ts";
import { getInt, putInt } from "./little_endian.ts";
import type { Process } from "./process.ts";
import { processOf } from "./sys_session.ts";

/** Sets as one structure per 32 capabilities. */
const VERSION_3 = 0x2008_0522;
/** The same under an older number. */
const VERSION_2 = 0x2007_1026;

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
  const { effective, permitted, inheritable } = (target ?? fail(E.EINVAL)).capabilities;
  for (const half of [0, 1]) {
    [effective, permitted, inheritable].forEach((set, which) =>
      putInt(data, half * 12 + which * 4, set[half])
    );
  }
  return 0;
}

function capset(process: Process, header: Uint8Array, data: Uint8Array): number {
  const target = named(process, header) ?? fail(E.EINVAL);
  if (target !== process) fail(E.EPERM);
  const [effective, permitted, inheritable] = [0, 4, 8].map((at) =>
    [getInt(data, at) >>> 0, getInt(data, at + 12) >>> 0] as const
  );
  const had = process.capabilities;
  const mayInherit = had.permitted.map((bits, half) => (bits | had.inheritable[half]) >>> 0);
  if (
    !isWithin(permitted, had.permitted) || !isWithin(effective, permitted) ||
    !isWithin(inheritable, [mayInherit[0], mayInherit[1]])
  ) fail(E.EPERM);
  process.capabilities = { effective, permitted, inheritable };
  return 0;
}

export const capabilityCalls: Handlers = { capget, capset };
