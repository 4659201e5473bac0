// kcmp(2): whether two processes share what the kernel keeps for them.
import { E, fail } from "../errno.ts";
import type { Handlers } from "./handler.ts";
import type { Process } from "./process.ts";
import { mayTrace } from "./tracing.ts";

const KCMP = { FILE: 0, VM: 1, FILES: 2, FS: 3, SIGHAND: 4, IO: 5, SYSVSEM: 6 } as const;

/** Numbers by which things are in some order, which is all that may be known of them. */
const places = new WeakMap<object, number>();
let lastPlace = 0;

function placeOf(thing: object): number {
  let place = places.get(thing);
  if (place === undefined) places.set(thing, place = ++lastPlace);
  return place;
}

/** @returns 0 for the same, 1 for less, 2 for greater */
function compare(first: object | undefined, second: object | undefined): number {
  if (first === second) return 0;
  const [one, other] = [first, second].map((each) => each === undefined ? 0 : placeOf(each));
  return one < other ? 1 : 2;
}

function kcmp(
  process: Process,
  first: number,
  second: number,
  type: number,
  firstFd: number,
  secondFd: number,
): number {
  const { kernel } = process;
  const [one, other] = [first, second].map((id) => (kernel.thread(id) ?? fail(E.ESRCH)).process);
  if (!mayTrace(process, one) || !mayTrace(process, other)) fail(E.EPERM);
  switch (type) {
    case KCMP.FILE:
      return compare(one.description(firstFd), other.description(secondFd));
    case KCMP.VM:
      return compare(one.memory, other.memory);
    case KCMP.FILES:
      return compare(one.files, other.files);
    case KCMP.FS:
      return compare(one.directories, other.directories);
    case KCMP.SIGHAND:
      return compare(one.actions, other.actions);
    // Nobody has any.
    case KCMP.IO:
    case KCMP.SYSVSEM:
      return 0;
    default:
      return fail(E.EINVAL);
  }
}

export const kcmpCalls: Handlers = { kcmp };
