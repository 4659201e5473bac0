// System calls of guest threads: finds who carries a call out, decodes its arguments, waits for pages that
// they are on, and copies results out.
import { MSG } from "../../kernel/network/constants.ts";
import { callNumber, systemCall } from "../../../schemas/syscalls.ts";
import { Access } from "../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import { FRAMES_BASE } from "../../hardware/hart/hart_memory.ts";
import { type Blocking, type Coroutine, finish, isCoroutine } from "../../kernel/coroutine.ts";
import { E, fail } from "../../kernel/errno.ts";
import { handlers, threadHandlers } from "../../kernel/process/process_component.ts";
import { argumentDecoders, decodeArguments, type Decoded, unsigned } from "./arguments.ts";
import { clone, clone3 } from "./clone.ts";
import { execve, execveat } from "./exec.ts";
import { type GuestThread, NO_RESULT } from "./guest_thread.ts";
import { ptrace } from "./ptrace.ts";
import { leaveHandler } from "./signal_handler.ts";
import { PageNeeded } from "./user_access.ts";

/** A call that the thread's own machinery carries out. */
type Own = (thread: GuestThread, ...values: never[]) => Blocking<number>;

const own: Record<string, Own> = {
  exit: (thread: GuestThread, status: number) => {
    thread.end((status & 0xff) << 8);
    return NO_RESULT;
  },
  exit_group: (thread: GuestThread, status: number) => {
    thread.kernel.process.end((status & 0xff) << 8);
    return NO_RESULT;
  },
  rt_sigreturn: leaveHandler,
  clone,
  clone3,
  execve,
  execveat,
  ptrace,
};

/** Numbers that the thread itself looks at. */
export const CallNumber = {
  sched_yield: callNumber("sched_yield"),
  clock_gettime: callNumber("clock_gettime"),
} as const;
const TIMESPEC_BYTES = 16;

/** Calls that raise SIGPIPE with EPIPE, and which argument says MSG_NOSIGNAL. */
const WRITING = new Map<number, number | undefined>([
  [callNumber("write"), undefined],
  [callNumber("writev"), undefined],
  [callNumber("sendfile"), undefined],
  [callNumber("pwritev2"), undefined],
  [callNumber("splice"), undefined],
  [callNumber("tee"), undefined],
  [callNumber("vmsplice"), undefined],
  [callNumber("sendto"), 3],
  [callNumber("sendmsg"), 2],
  [callNumber("sendmmsg"), 3],
]);

/** Whether EPIPE comes with a signal. @param registers the arguments */
export function raisesPipe(number: number, registers: Int32Array): boolean {
  if (!WRITING.has(number)) return false;
  const flags = WRITING.get(number);
  return flags === undefined || (registers[flags * 2] & MSG.NOSIGNAL) === 0;
}

/** Calls that a signal interrupts for good once a handler ran, whatever SA_RESTART says (signal(7)). */
const NEVER_RESTARTED = [
  "rt_sigsuspend",
  "rt_sigtimedwait",
  "ppoll",
  "pselect6",
  "epoll_pwait",
  "epoll_pwait2",
  "nanosleep",
  "clock_nanosleep",
  "io_getevents",
  "io_pgetevents",
  "semop",
  "semtimedop",
  "msgsnd",
  "msgrcv",
];

/** Calls with a signal mask of their own, and which argument it is. */
const MASKED: Record<string, number> = {
  ppoll: 3,
  pselect6: 5,
  epoll_pwait: 4,
  epoll_pwait2: 4,
  io_pgetevents: 5,
};

interface Route {
  decoders: ReturnType<typeof argumentDecoders>;
  run(thread: GuestThread, values: unknown[]): Blocking<number>;
  /** whether a handler with SA_RESTART makes it begin again */
  restarts: boolean | undefined;
  maskArgument: number | undefined;
}

const routes: (Route | undefined)[] = [];
for (let number = 0; number < 512; number++) {
  const call = systemCall(number);
  if (call === undefined || call.status === "missing") continue;
  const mine = own[call.name],
    handler = handlers.get(number),
    ofThread = threadHandlers.get(number);
  if (mine === undefined && handler === undefined && ofThread === undefined) {
    throw new Error(`The table says that "${call.name}" is served, but nobody does`);
  }
  routes[number] = {
    decoders: argumentDecoders(call.args),
    run: (thread, values) =>
      mine !== undefined
        ? mine(thread, ...values as never[])
        : handler !== undefined
        ? handler(thread.kernel.process, ...values)
        : ofThread!(thread.kernel, ...values),
    restarts: call.name === "restart_syscall" ? undefined : !NEVER_RESTARTED.includes(call.name),
    maskArgument: MASKED[call.name],
  };
}

/** Whether an interrupted call begins again after a handler; undefined for one that answers EINTR itself. */
export function restarts(number: number): boolean | undefined {
  return routes[number]?.restarts;
}

/**
 * clock_gettime(2) where its page is there. Programs ask for the time more often than for all else: nothing is
 * made for it.
 * @returns undefined where it has to go the way of the others
 */
function clockGettime({ kernel, access }: GuestThread, registers: Int32Array): number | undefined {
  const at = access.place(unsigned(registers, 1), TIMESPEC_BYTES, Access.WRITE);
  if (at < 0) return undefined;
  kernel.process.kernel.clocks.put(kernel, registers[0], access.bytes, at);
  return 0;
}

/**
 * Begins a call.
 * @param registers a0 to a5
 * @throws Errno
 */
export function invoke(
  thread: GuestThread,
  number: number,
  registers: Int32Array,
): Blocking<number> {
  if (number === CallNumber.clock_gettime) {
    const result = clockGettime(thread, registers);
    if (result !== undefined) return result;
  }
  const route = routes[number];
  if (route === undefined) {
    thread.guest.observer.missing(number);
    return fail(E.ENOSYS);
  }
  try {
    return attempt(thread, route, registers);
  } catch (failure) {
    if (!(failure instanceof PageNeeded)) throw failure;
    // The registers are the hart's: others run while the page is fetched.
    return afterPage(thread, route, registers.slice(), failure);
  }
}

function* afterPage(
  thread: GuestThread,
  route: Route,
  registers: Int32Array,
  needed: PageNeeded,
): Coroutine<number> {
  for (;;) {
    const fault = yield* thread.space.fault(needed.page, needed.access);
    if (fault !== undefined) return fail(E.EFAULT);
    try {
      return yield* finish(attempt(thread, route, registers));
    } catch (failure) {
      if (!(failure instanceof PageNeeded)) throw failure;
      needed = failure;
    }
  }
}

/** Decodes the arguments and begins the call. @throws PageNeeded before anything has been done */
function attempt(thread: GuestThread, route: Route, registers: Int32Array): Blocking<number> {
  const decoded = decodeArguments(route.decoders, registers, thread.access);
  const mask = route.maskArgument === undefined
    ? undefined
    : decoded.values[route.maskArgument] as Uint8Array | undefined;
  if (mask !== undefined) {
    const { kernel } = thread;
    kernel.savedMask = kernel.mask;
    kernel.mask = new DataView(mask.buffer, mask.byteOffset).getBigUint64(0, true);
  }
  const result = route.run(thread, decoded.values);
  if (isCoroutine(result)) return later(thread, result, decoded);
  for (const finisher of decoded.finishers) finisher(result, thread.access);
  return result;
}

/** Waits for a call's result, then copies out. The frames that it reads or writes stay where they are. */
function later(thread: GuestThread, work: Coroutine<number>, decoded: Decoded): Coroutine<number> {
  if (decoded.views.length === 0 && decoded.finishers.length === 0) return work;
  return laterWithMemory(thread, work, decoded);
}

function* laterWithMemory(
  thread: GuestThread,
  work: Coroutine<number>,
  { views, finishers }: Decoded,
): Coroutine<number> {
  const { frames } = thread.guest.memory;
  const { access } = thread;
  const pinned: number[] = [];
  for (const view of views) {
    const first = view.byteOffset - (view.byteOffset - FRAMES_BASE) % PAGE_BYTES;
    for (let frame = first; frame < view.byteOffset + view.length; frame += PAGE_BYTES) {
      frames.pin(frame);
      pinned.push(frame);
    }
  }
  let result: number;
  try {
    result = yield* work;
  } finally {
    for (const frame of pinned) frames.unpin(frame);
  }
  for (const finisher of finishers) {
    yield* access.withPages(() => finisher(result, access));
  }
  return result;
}
