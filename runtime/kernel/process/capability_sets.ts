// The capability sets of a process (capabilities(7)), as it is told of them and may change them. Who may change
// ids goes by them; what other calls allow goes by the effective user id.
import type { Identity } from "./process.ts";

/** Number of the last capability, as /proc/sys/kernel/cap_last_cap has it. */
export const LAST_CAPABILITY = 40;

/** A bit for each capability: the low and the high 32 of them. */
export type Capabilities = readonly [low: number, high: number];

export interface CapabilitySets {
  effective: Capabilities;
  permitted: Capabilities;
  inheritable: Capabilities;
}

const NONE: Capabilities = [0, 0];
export const ALL: Capabilities = [0xffff_ffff, 2 ** (LAST_CAPABILITY - 31) - 1];

/** Those that are asked for, each as a set. */
export const CAP = { SETGID: [1 << 6, 0], SETUID: [1 << 7, 0] } as const;

export const isWithin = (set: Capabilities, whole: Capabilities): boolean =>
  (set[0] & ~whole[0]) === 0 && (set[1] & ~whole[1]) === 0;

const hasRoot = ({ ruid, euid, suid }: Identity) => ruid === 0 || euid === 0 || suid === 0;

/** What a program begins with: all of root, nothing of others. */
export function setsAtStart({ ruid, euid }: Identity, inheritable = NONE): CapabilitySets {
  return {
    effective: euid === 0 ? ALL : NONE,
    permitted: ruid === 0 || euid === 0 ? ALL : NONE,
    inheritable,
  };
}

/** What is left when user ids change. @param keeps PR_SET_KEEPCAPS: who is root no more keeps what is permitted */
export function setsAfterChange(
  sets: CapabilitySets,
  before: Identity,
  after: Identity,
  keeps: boolean,
): CapabilitySets {
  const { inheritable } = sets;
  const permitted = hasRoot(before) && !hasRoot(after) && !keeps ? NONE : sets.permitted;
  if (after.euid === 0) {
    return { effective: before.euid === 0 ? sets.effective : permitted, permitted, inheritable };
  }
  const lost = before.euid === 0 || !isWithin(sets.effective, permitted);
  return { effective: lost ? NONE : sets.effective, permitted, inheritable };
}
