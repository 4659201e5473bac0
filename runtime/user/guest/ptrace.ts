// ptrace(2): a process looks at the threads of another one, and says how they go on.
import { A2, A3 } from "../../hardware/hart/abi.ts";
import type { Blocking, Coroutine } from "../../kernel/coroutine.ts";
import { E, fail } from "../../kernel/errno.ts";
import { copyForeign } from "../../kernel/process/memory/foreign_memory.ts";
import { putSignalInfo, SIGNAL_INFO_BYTES } from "../../kernel/process/signal/signal_info.ts";
import { LAST_SIGNAL, SI, SIG } from "../../kernel/process/signal/signal.ts";
import { mayTrace, OPTION, type TraceStop, Tracing } from "../../kernel/process/tracing.ts";
import { GuestThread } from "./guest_thread.ts";
import { callInfo } from "./traced_call_info.ts";
import { type RegisterSet, registerSets, SET_UNIT_BYTES } from "./traced_registers.ts";

const REQUEST = {
  TRACEME: 0,
  PEEKTEXT: 1,
  PEEKDATA: 2,
  POKETEXT: 4,
  POKEDATA: 5,
  CONT: 7,
  KILL: 8,
  ATTACH: 16,
  DETACH: 17,
  OLDSETOPTIONS: 21,
  SYSCALL: 24,
  SETOPTIONS: 0x4200,
  GETEVENTMSG: 0x4201,
  GETSIGINFO: 0x4202,
  SETSIGINFO: 0x4203,
  GETREGSET: 0x4204,
  SETREGSET: 0x4205,
  SEIZE: 0x4206,
  INTERRUPT: 0x4207,
  LISTEN: 0x4208,
  GETSIGMASK: 0x420a,
  SETSIGMASK: 0x420b,
  GET_SYSCALL_INFO: 0x420e,
} as const;

const WORD_BYTES = 8;
const OPTIONS = Object.values(OPTION).reduce((all: number, each) => all | each, 0);
const FORCED = { forced: true } as const;

/** What is asked of a stopped thread. */
interface Asked {
  tracer: GuestThread;
  tracee: GuestThread;
  tracing: Tracing;
  stop: TraceStop;
  address: bigint;
  data: bigint;
}

function optionsOf(data: bigint, unknown: number): number {
  return (data & ~BigInt(OPTIONS)) === 0n ? Number(data) : fail(unknown);
}

/** The signal that a thread is to go on with. */
function signalOf(data: bigint): number {
  return data >= 0n && data <= BigInt(LAST_SIGNAL) ? Number(data) : fail(E.EIO);
}

/** Copies out to the tracer. */
function* give({ tracer }: Asked, address: bigint, bytes: Uint8Array): Coroutine<number> {
  yield* tracer.access.withPages(() => tracer.access.write(Number(address), bytes));
  return 0;
}

function take({ tracer }: Asked, address: bigint, length: number) {
  return tracer.access.withPages(() => tracer.access.read(Number(address), length));
}

function word(value: bigint): Uint8Array {
  const bytes = new Uint8Array(WORD_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return bytes;
}

function* peek(asked: Asked): Coroutine<number> {
  const bytes = new Uint8Array(WORD_BYTES);
  const { tracee: { space }, address } = asked;
  const copied = yield* copyForeign(space, Number(address), bytes, { write: false, ...FORCED });
  return copied < WORD_BYTES ? fail(E.EIO) : yield* give(asked, asked.data, bytes);
}

function* poke({ tracee: { space }, address, data }: Asked): Coroutine<number> {
  const write = { write: true, ...FORCED };
  const copied = yield* copyForeign(space, Number(address), word(data), write);
  return copied < WORD_BYTES ? fail(E.EIO) : 0;
}

/** The `struct iovec` at `data`: where registers are, or come to, and how many bytes of them. */
function* registerRange(asked: Asked): Coroutine<{ set: RegisterSet; base: bigint; size: number }> {
  const view = new DataView((yield* take(asked, asked.data, 16)).buffer);
  const set = registerSets.get(Number(asked.address)) ?? fail(E.EINVAL);
  const size = view.getBigUint64(8, true);
  if (size % BigInt(SET_UNIT_BYTES) !== 0n) fail(E.EINVAL);
  const all = set.read(asked.tracee).length;
  return { set, base: view.getBigUint64(0, true), size: Math.min(Number(size), all) };
}

function* getRegisters(asked: Asked): Coroutine<number> {
  const { set, base, size } = yield* registerRange(asked);
  yield* give(asked, base, set.read(asked.tracee).subarray(0, size));
  return yield* give(asked, asked.data + 8n, word(BigInt(size)));
}

function* setRegisters(asked: Asked): Coroutine<number> {
  const { set, base, size } = yield* registerRange(asked);
  const given = yield* take(asked, base, size);
  const bytes = set.read(asked.tracee);
  bytes.set(given);
  set.write(asked.tracee, bytes);
  return yield* give(asked, asked.data + 8n, word(BigInt(size)));
}

function getSignalInfo(asked: Asked): Coroutine<number> {
  const bytes = new Uint8Array(SIGNAL_INFO_BYTES);
  putSignalInfo(asked.stop.info ?? fail(E.EINVAL), bytes);
  return give(asked, asked.data, bytes);
}

function* setSignalInfo(asked: Asked): Coroutine<number> {
  const bytes = yield* take(asked, asked.data, SIGNAL_INFO_BYTES);
  const { stop } = asked;
  if (stop.info === undefined) fail(E.EINVAL);
  const view = new DataView(bytes.buffer);
  stop.info = { signal: view.getInt32(0, true), code: view.getInt32(8, true), bytes };
  return 0;
}

function getSignalMask(asked: Asked): Coroutine<number> {
  if (asked.address !== BigInt(WORD_BYTES)) fail(E.EINVAL);
  const { savedMask, mask } = asked.tracee.kernel;
  return give(asked, asked.data, word(savedMask ?? mask));
}

function* setSignalMask(asked: Asked): Coroutine<number> {
  if (asked.address !== BigInt(WORD_BYTES)) fail(E.EINVAL);
  const bytes = yield* take(asked, asked.data, WORD_BYTES);
  const { kernel } = asked.tracee;
  kernel.savedMask = undefined;
  kernel.mask = new DataView(bytes.buffer).getBigUint64(0, true);
  return 0;
}

function* getCallInfo(asked: Asked): Coroutine<number> {
  const bytes = callInfo(asked.tracee, asked.stop);
  const room = Number(asked.address);
  yield* give(asked, asked.data, bytes.subarray(0, Math.min(room, bytes.length)));
  return bytes.length;
}

function listen({ tracing, stop }: Asked): number {
  if (!tracing.seized || stop.reason !== "group") fail(E.EIO);
  tracing.listen();
  return 0;
}

function setOptions({ tracing, data }: Asked): number {
  tracing.options = optionsOf(data, E.EINVAL);
  return 0;
}

function goOn({ tracing, data }: Asked, calls: boolean): number {
  tracing.goOn(signalOf(data), calls);
  return 0;
}

/** What needs a thread that is stopped. */
const requests = new Map<number, (asked: Asked) => Blocking<number>>([
  [REQUEST.PEEKTEXT, peek],
  [REQUEST.PEEKDATA, peek],
  [REQUEST.POKETEXT, poke],
  [REQUEST.POKEDATA, poke],
  [REQUEST.CONT, (asked) => goOn(asked, false)],
  [REQUEST.SYSCALL, (asked) => goOn(asked, true)],
  [REQUEST.DETACH, ({ tracing, data }) => {
    tracing.detach(signalOf(data));
    return 0;
  }],
  [REQUEST.OLDSETOPTIONS, setOptions],
  [REQUEST.SETOPTIONS, setOptions],
  [REQUEST.GETEVENTMSG, (asked) => give(asked, asked.data, word(BigInt(asked.tracing.message)))],
  [REQUEST.GETSIGINFO, getSignalInfo],
  [REQUEST.SETSIGINFO, setSignalInfo],
  [REQUEST.GETREGSET, getRegisters],
  [REQUEST.SETREGSET, setRegisters],
  [REQUEST.LISTEN, listen],
  [REQUEST.GETSIGMASK, getSignalMask],
  [REQUEST.SETSIGMASK, setSignalMask],
  [REQUEST.GET_SYSCALL_INFO, getCallInfo],
]);

/** The parent traces the caller from now on. */
function traceMe({ kernel }: GuestThread): number {
  const { process } = kernel;
  const { parent } = process;
  // Whom nobody but the machine started, nobody could let go on.
  if (kernel.tracing !== undefined || parent === undefined || parent === process.kernel.init) {
    return fail(E.EPERM);
  }
  new Tracing(kernel, parent, false, 0);
  return 0;
}

function attach(thread: GuestThread, tid: number, options: number | undefined): number {
  const { process } = thread.kernel;
  const { kernel } = process;
  const target = kernel.thread(tid);
  if (target === undefined) return fail(kernel.process(tid) === undefined ? E.ESRCH : E.EPERM);
  const native = !(target.host instanceof GuestThread);
  if (native || target.process === process || !mayTrace(process, target.process)) fail(E.EPERM);
  if (target.tracing !== undefined || target.process.ending !== undefined) fail(E.EPERM);
  const tracing = new Tracing(target, process, options !== undefined, options ?? 0);
  if (options === undefined) target.post({ signal: SIG.STOP, code: SI.KERNEL, pid: 0, uid: 0 });
  // One that is stopped already says so.
  if (target.process.stopped) tracing.noteGroup();
  return 0;
}

/**
 * ptrace(2)
 * @throws Errno ESRCH where the thread is not traced by the caller, or not stopped; EPERM, EIO, EINVAL, EFAULT
 */
export function ptrace(thread: GuestThread, request: number, tid: number): Blocking<number> {
  // Words of 64 bits, which numbers cannot hold.
  const address = thread.get(A2), data = thread.get(A3);
  if (request === REQUEST.TRACEME) return traceMe(thread);
  if (request === REQUEST.ATTACH) return attach(thread, tid, undefined);
  if (request === REQUEST.SEIZE) {
    return attach(thread, tid, address === 0n ? optionsOf(data, E.EIO) : fail(E.EIO));
  }
  const target = thread.kernel.process.kernel.thread(tid);
  const tracing = target?.tracing, tracee = target?.host;
  if (tracing?.tracer !== thread.kernel.process || !(tracee instanceof GuestThread)) {
    return fail(E.ESRCH);
  }
  if (request === REQUEST.KILL) {
    target!.process.post({ signal: SIG.KILL, code: SI.USER, pid: 0, uid: 0 });
    return 0;
  }
  if (request === REQUEST.INTERRUPT) {
    if (!tracing.seized) return fail(E.EIO);
    tracing.interrupt();
    return 0;
  }
  const { stop, listening } = tracing;
  if (stop === undefined || listening) return fail(E.ESRCH);
  const serve = requests.get(request) ?? fail(E.EIO);
  return serve({ tracer: thread, tracee, tracing, stop, address, data });
}
