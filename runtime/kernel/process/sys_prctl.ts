// prctl(2): what a process or thread says about itself. Options that are not here answer EINVAL, as those of
// another architecture do in Linux.
import { E, fail } from "../errno.ts";
import type { ThreadHandlers } from "./handler.ts";
import { putInt } from "./little_endian.ts";
import { LAST_SIGNAL } from "./signal/signal.ts";
import { LAST_CAPABILITY } from "./capability_sets.ts";
import { privileged } from "./sys_identity.ts";
import type { Thread } from "./thread.ts";

const PR = {
  SET_PDEATHSIG: 1,
  GET_PDEATHSIG: 2,
  GET_DUMPABLE: 3,
  SET_DUMPABLE: 4,
  GET_KEEPCAPS: 7,
  SET_KEEPCAPS: 8,
  SET_NAME: 15,
  GET_NAME: 16,
  GET_SECCOMP: 21,
  CAPBSET_READ: 23,
  CAPBSET_DROP: 24,
  GET_SECUREBITS: 27,
  SET_TIMERSLACK: 29,
  GET_TIMERSLACK: 30,
  SET_CHILD_SUBREAPER: 36,
  GET_CHILD_SUBREAPER: 37,
  SET_NO_NEW_PRIVS: 38,
  GET_NO_NEW_PRIVS: 39,
  SET_THP_DISABLE: 41,
  GET_THP_DISABLE: 42,
  CAP_AMBIENT: 47,
} as const;
/** Options whose arguments must be 0, from which one on: what will be given a meaning later is refused now. */
const UNUSED = new Map<number, number>([
  [PR.SET_NO_NEW_PRIVS, 1],
  [PR.GET_NO_NEW_PRIVS, 0],
  [PR.SET_THP_DISABLE, 1],
  [PR.GET_THP_DISABLE, 0],
  [PR.CAP_AMBIENT, 2],
]);
const AMBIENT = { IS_SET: 1, RAISE: 2, LOWER: 3, CLEAR_ALL: 4 } as const;
/** Bytes of a thread's name, the zero at its end included. */
export const NAME_BYTES = 16;
const DEFAULT_SLACK_NS = 50_000;

/** How the second argument of an option is to be decoded. */
export function prctlArgument(option: number): "text" | { bytesOut: number } | "number" {
  switch (option) {
    case PR.SET_NAME:
      return "text";
    case PR.GET_NAME:
      return { bytesOut: NAME_BYTES };
    case PR.GET_PDEATHSIG:
    case PR.GET_CHILD_SUBREAPER:
      return { bytesOut: 4 };
    default:
      return "number";
  }
}

/** Renames a thread; the first one's name is that of its process. */
export function setThreadName(thread: Thread, name: string): void {
  thread.name = name.slice(0, NAME_BYTES - 1);
  if (thread.tid === thread.process.pid) thread.process.name = thread.name;
}

function switchOf(value: number): boolean {
  return value === 0 || value === 1 ? value === 1 : fail(E.EINVAL);
}

function ambient(operation: number, capability: number): number {
  if (operation === AMBIENT.CLEAR_ALL) return capability === 0 ? 0 : fail(E.EINVAL);
  if (!(capability >= 0 && capability <= LAST_CAPABILITY)) fail(E.EINVAL);
  if (operation === AMBIENT.RAISE) return fail(E.EPERM);
  return operation === AMBIENT.IS_SET || operation === AMBIENT.LOWER ? 0 : fail(E.EINVAL);
}

/** Options whose argument points somewhere. */
function prctlAt(thread: Thread, option: number, argument: string | Uint8Array): number {
  const { settings } = thread.process;
  if (typeof argument === "string") setThreadName(thread, argument);
  else if (option === PR.GET_NAME) {
    argument.fill(0);
    for (let at = 0; at < thread.name.length && at < NAME_BYTES - 1; at++) {
      argument[at] = thread.name.charCodeAt(at);
    }
  } else if (option === PR.GET_PDEATHSIG) putInt(argument, 0, settings.parentDeathSignal);
  else putInt(argument, 0, settings.subreaper ? 1 : 0);
  return 0;
}

/** @param argument as {@link prctlArgument} says */
function prctl(
  thread: Thread,
  option: number,
  argument: number | string | Uint8Array,
  third = 0,
  fourth = 0,
  fifth = 0,
): number {
  if (typeof argument !== "number") return prctlAt(thread, option, argument);
  const unused = UNUSED.get(option);
  if (unused !== undefined && [argument, third, fourth, fifth].slice(unused).some(Boolean)) {
    fail(E.EINVAL);
  }
  const { process } = thread;
  const { settings } = process;
  switch (option) {
    case PR.SET_PDEATHSIG:
      if (!(argument >= 0 && argument <= LAST_SIGNAL)) fail(E.EINVAL);
      settings.parentDeathSignal = argument;
      return 0;
    case PR.GET_DUMPABLE:
      return settings.dumpable;
    case PR.SET_DUMPABLE:
      settings.dumpable = switchOf(argument) ? 1 : 0;
      return 0;
    case PR.GET_KEEPCAPS:
      return settings.keepCapabilities ? 1 : 0;
    case PR.SET_KEEPCAPS:
      settings.keepCapabilities = switchOf(argument);
      return 0;
    case PR.CAPBSET_READ:
      return argument >= 0 && argument <= LAST_CAPABILITY ? 1 : fail(E.EINVAL);
    case PR.CAPBSET_DROP:
      if (!privileged(process)) fail(E.EPERM);
      return argument >= 0 && argument <= LAST_CAPABILITY ? 0 : fail(E.EINVAL);
    case PR.SET_TIMERSLACK:
      settings.timerSlackNs = argument > 0 ? argument : DEFAULT_SLACK_NS;
      return 0;
    case PR.GET_TIMERSLACK:
      return settings.timerSlackNs;
    case PR.SET_CHILD_SUBREAPER:
      settings.subreaper = argument !== 0;
      return 0;
    case PR.SET_NO_NEW_PRIVS:
      if (argument !== 1) fail(E.EINVAL);
      settings.noNewPrivileges = true;
      return 0;
    case PR.GET_NO_NEW_PRIVS:
      return settings.noNewPrivileges ? 1 : 0;
    case PR.CAP_AMBIENT:
      return ambient(argument, third);
    case PR.SET_THP_DISABLE:
      settings.hugePagesDisabled = argument !== 0;
      return 0;
    case PR.GET_THP_DISABLE:
      return settings.hugePagesDisabled ? 1 : 0;
    case PR.GET_SECCOMP:
    case PR.GET_SECUREBITS:
      return 0;
    default:
      return fail(E.EINVAL);
  }
}

export const prctlCalls: ThreadHandlers = { prctl };
