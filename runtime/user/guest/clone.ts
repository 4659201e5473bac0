// clone(2), clone3(2): new threads and new processes.
import { Access } from "../../hardware/hart/engine.ts";
import { State, THREAD_STATE_BYTES } from "../../hardware/hart/state.ts";
import type { Blocking, Coroutine } from "../../kernel/coroutine.ts";
import { E, Errno, fail } from "../../kernel/errno.ts";
import { MAX_THREADS, RLIMIT } from "../../kernel/process/limits.ts";
import type { AddressSpace } from "../../kernel/process/memory/address_space.ts";
import { openPidfd } from "../../kernel/process/event/pidfd.ts";
import { Process } from "../../kernel/process/process.ts";
import { LAST_SIGNAL, SIG } from "../../kernel/process/signal/signal.ts";
import { EVENT, traceChild } from "../../kernel/process/tracing.ts";
import { GuestThread } from "./guest_thread.ts";
import { shownAtEntry } from "./traced_call.ts";
import { PageNeeded, UserAccess } from "./user_access.ts";
import { A0, SP, TP } from "../../hardware/hart/abi.ts";

const CLONE = {
  VM: 0x100,
  FS: 0x200,
  FILES: 0x400,
  SIGHAND: 0x800,
  PTRACE: 0x2000,
  VFORK: 0x4000,
  PARENT: 0x8000,
  THREAD: 0x1_0000,
  NEWNS: 0x2_0000,
  SETTLS: 0x8_0000,
  PARENT_SETTID: 0x10_0000,
  CHILD_CLEARTID: 0x20_0000,
  UNTRACED: 0x80_0000,
  CHILD_SETTID: 0x100_0000,
  NEWCGROUP: 0x200_0000,
  NEWUTS: 0x400_0000,
  NEWIPC: 0x800_0000,
  NEWUSER: 0x1000_0000,
  NEWPID: 0x2000_0000,
  NEWNET: 0x4000_0000,
} as const;
/** clone3 only: beyond 32 bits. */
const CLEAR_SIGHAND = 2 ** 32, INTO_CGROUP = 2 ** 33;
const PIDFD = 0x1000;
const NAMESPACES = CLONE.NEWNS | CLONE.NEWCGROUP | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWUSER |
  CLONE.NEWPID | CLONE.NEWNET;
const CLONE_ARGS_BYTES = 64;
const MAX_CLONE_ARGS_BYTES = 4096;

interface CloneRequest {
  flags: number;
  /** where the parent gets a descriptor of the child */
  pidfd: number;
  exitSignal: number;
  /** stack pointer of the child; 0 for the parent's */
  stack: number;
  parentTid: number;
  childTid: number;
  tls: number;
  clearHandlers: boolean;
}

/**
 * Makes the page of a word that is to be set there. What cannot be set is not, and nobody is told (clone(2)).
 * @returns whether it can @throws PageNeeded
 */
function settable(access: UserAccess, address: number): boolean {
  try {
    access.writeWord(address, access.readWord(address));
    return true;
  } catch (failure) {
    if (failure instanceof Errno) return false;
    throw failure;
  }
}

export function clone(
  thread: GuestThread,
  flags: number,
  stack: number,
  parentTid: number,
  tls: number,
  childTid: number,
): Blocking<number> {
  if ((flags & PIDFD) !== 0 && (flags & CLONE.PARENT_SETTID) !== 0) fail(E.EINVAL);
  // CSIGNAL: the lowest byte is the signal that the child sends at its end.
  return begin(thread, {
    flags: flags % 2 ** 32 & ~0xff,
    exitSignal: flags & 0xff,
    // The same place has one of two meanings.
    pidfd: parentTid,
    stack,
    parentTid,
    childTid,
    tls,
    clearHandlers: false,
  });
}

export function clone3(thread: GuestThread, address: number, size: number): Blocking<number> {
  if (size < CLONE_ARGS_BYTES) fail(E.EINVAL);
  if (size > MAX_CLONE_ARGS_BYTES) fail(E.E2BIG);
  const bytes = thread.access.read(address, size);
  const view = new DataView(bytes.buffer);
  const field = (index: number) => Number(view.getBigUint64(index * 8, true));
  // Fields that are not known must be zero; set_tid and cgroup are not there.
  for (let index = 8; index < Math.floor(size / 8); index++) if (field(index) !== 0) fail(E.E2BIG);
  const flags = field(0);
  if (flags % (2 * INTO_CGROUP) >= INTO_CGROUP || (flags % 2 ** 32 & 0xff) !== 0) fail(E.EINVAL);
  const stack = field(5), stackSize = field(6);
  if ((stack === 0) !== (stackSize === 0)) fail(E.EINVAL);
  return begin(thread, {
    flags: flags % 2 ** 32 | 0,
    exitSignal: field(4),
    pidfd: field(1),
    stack: stack + stackSize,
    parentTid: field(3),
    childTid: field(2),
    tls: field(7),
    clearHandlers: flags % (2 * CLEAR_SIGHAND) >= CLEAR_SIGHAND,
  });
}

function begin(thread: GuestThread, request: CloneRequest): Blocking<number> {
  const { flags, exitSignal } = request;
  if ((flags & NAMESPACES) !== 0 || exitSignal > LAST_SIGNAL) fail(E.EINVAL);
  if ((flags & PIDFD) !== 0 && (flags & CLONE.THREAD) !== 0) fail(E.EINVAL);
  if ((flags & CLONE.THREAD) !== 0 && (flags & CLONE.SIGHAND) === 0) fail(E.EINVAL);
  if ((flags & CLONE.SIGHAND) !== 0 && (flags & CLONE.VM) === 0) fail(E.EINVAL);
  if (request.clearHandlers && (flags & CLONE.SIGHAND) !== 0) fail(E.EINVAL);
  const { processes } = thread.guest;
  if (processes.threads.size >= MAX_THREADS || !mayMultiply(thread.kernel.process)) fail(E.EAGAIN);
  // Words that are to be set are looked at before there is a child: from then on nothing may fail.
  const words = [[CLONE.PARENT_SETTID, request.parentTid], [CLONE.CHILD_SETTID, request.childTid]];
  for (const [flag, address] of words) {
    if ((flags & flag) !== 0 && !settable(thread.access, address)) request.flags &= ~flag;
  }
  if ((flags & PIDFD) !== 0) {
    thread.access.writeWord(request.pidfd, thread.access.readWord(request.pidfd));
    if (!thread.kernel.process.hasFreeDescriptor) fail(E.EMFILE);
  }
  return (flags & CLONE.THREAD) !== 0 ? newThread(thread, request) : newProcess(thread, request);
}

/** Whether RLIMIT_NPROC allows the user one more, threads and the dead that nobody asked for counted. */
function mayMultiply({ kernel, identity, limits }: Process): boolean {
  const most = limits[RLIMIT.NPROC].soft;
  if (identity.ruid === 0 || identity.euid === 0 || most >= MAX_THREADS) return true;
  let count = 0;
  for (const each of kernel.all) {
    if (each.identity.ruid === identity.ruid) count += Math.max(1, each.threads.size);
  }
  return count < most;
}

function newThread(thread: GuestThread, request: CloneRequest): number {
  const kernel = thread.guest.processes.startThread(thread.kernel.process);
  const child = new GuestThread(thread.guest, kernel, thread.space);
  kernel.name = thread.kernel.name;
  kernel.mask = thread.kernel.mask;
  prepare(thread, child, request);
  const event = shareTracer(thread, child, request);
  child.start();
  if (event !== undefined) thread.kernel.tracing?.noteEvent(event, kernel.tid);
  return kernel.tid;
}

/** A child may have the tracer of the thread that made it. @returns what that is told of */
function shareTracer(
  { kernel: { tracing } }: GuestThread,
  child: GuestThread,
  { flags, exitSignal }: CloneRequest,
): number | undefined {
  if (tracing === undefined) return undefined;
  const event = (flags & CLONE.VFORK) !== 0
    ? EVENT.VFORK
    : exitSignal === SIG.CHLD
    ? EVENT.FORK
    : EVENT.CLONE;
  const told = (flags & CLONE.UNTRACED) === 0 && tracing.wants(event);
  if (told || (flags & CLONE.PTRACE) !== 0) traceChild(tracing, child.kernel);
  return told ? event : undefined;
}

function newProcess(thread: GuestThread, request: CloneRequest): Blocking<number> {
  const { flags } = request;
  const { guest } = thread;
  const parent = thread.kernel.process;
  const sharesMemory = (flags & CLONE.VM) !== 0;
  const space = sharesMemory ? thread.space : thread.space.fork();
  if (sharesMemory) space.users++;
  else if ((flags & CLONE.CHILD_SETTID) !== 0) ownPage(space, request.childTid);
  const sharesFiles = (flags & CLONE.FILES) !== 0;
  const files = sharesFiles ? parent.files : parent.files.fork();
  if (sharesFiles) files.users++;
  const sharesDirectories = (flags & CLONE.FS) !== 0;
  const directories = sharesDirectories ? parent.directories : { ...parent.directories, users: 1 };
  if (sharesDirectories) directories.users++;
  const child = guest.processes.fork(parent, files, directories, (flags & CLONE.PARENT) !== 0);
  child.memory = space;
  if ((flags & PIDFD) !== 0) thread.access.writeWord(request.pidfd, openPidfd(parent, child, 0));
  // Nobody chooses what somebody else's parent is sent.
  child.exitSignal = (flags & CLONE.PARENT) !== 0 ? parent.exitSignal : request.exitSignal;
  child.actions = (flags & CLONE.SIGHAND) !== 0
    ? parent.actions
    : request.clearHandlers
    ? parent.actions.afterExec()
    : parent.actions.copy();
  const kernel = guest.processes.startThread(child);
  const childThread = new GuestThread(guest, kernel, space);
  kernel.name = thread.kernel.name;
  kernel.mask = thread.kernel.mask;
  if (!sharesMemory || (flags & CLONE.VFORK) !== 0) {
    kernel.alternateStack = { ...thread.kernel.alternateStack };
  }
  prepare(thread, childThread, request);
  const event = shareTracer(thread, childThread, request);
  const waits = (flags & CLONE.VFORK) !== 0;
  if (sharesDirectories && !waits) {
    childThread.start();
    if (event !== undefined) thread.kernel.tracing?.noteEvent(event, kernel.tid);
    return kernel.tid;
  }
  return finishProcess(thread, childThread, sharesDirectories, waits, event);
}

/** Makes the page of a word a child's own. @throws Errno ENOMEM, and the child's memory is gone */
function ownPage(space: AddressSpace, address: number): void {
  try {
    new UserAccess(space).touch(address, 4, Access.WRITE);
  } catch (failure) {
    if (!(failure instanceof PageNeeded)) throw failure;
    space.release();
    fail(E.ENOMEM);
  }
}

/** The child's own uses of its directories are asked of their servers before it runs. */
function* finishProcess(
  maker: GuestThread,
  thread: GuestThread,
  sharesDirectories: boolean,
  waits: boolean,
  event: number | undefined,
): Coroutine<number> {
  const { process: child } = thread.kernel;
  const { pid } = child;
  if (!sharesDirectories) {
    const { root, cwd } = child.directories;
    child.directories.root = yield* Process.hold(root);
    child.directories.cwd = yield* Process.hold(cwd);
  }
  const space = thread.space;
  thread.start();
  if (!waits) {
    if (event !== undefined) maker.kernel.tracing?.noteEvent(event, pid);
    return pid;
  }
  if (event !== undefined) {
    // The tracer hears of the child before that has done its part: in the middle of the call.
    const { kernel, call } = maker;
    call!.shown = shownAtEntry;
    kernel.tracing?.stopForEvent(event, pid);
    while (kernel.tracing?.stop !== undefined) yield kernel.tracing.goesOn;
  }
  // The parent of a vfork waits until the child has a program of its own, or has ended.
  while (child.memory === space) yield child.memoryLeft;
  maker.kernel.tracing?.noteEvent(EVENT.VFORK_DONE, pid);
  return pid;
}

/** Registers and words that the child begins with. */
function prepare(thread: GuestThread, child: GuestThread, request: CloneRequest): void {
  const { flags } = request;
  child.saved.set(thread.registers.subarray(0, THREAD_STATE_BYTES));
  const view = new DataView(child.saved.buffer);
  view.setBigUint64(A0 * 8, 0n, true);
  view.setBigUint64(State.PC, view.getBigUint64(State.PC, true) + 4n, true);
  if (request.stack !== 0) view.setBigUint64(SP * 8, BigInt(request.stack), true);
  if ((flags & CLONE.SETTLS) !== 0) view.setBigUint64(TP * 8, BigInt(request.tls), true);
  if ((flags & CLONE.PARENT_SETTID) !== 0) {
    thread.access.writeWord(request.parentTid, child.tid);
  }
  if ((flags & CLONE.CHILD_CLEARTID) !== 0) child.kernel.clearChildTid = request.childTid;
  if ((flags & CLONE.CHILD_SETTID) !== 0) {
    child.access.writeWord(request.childTid, child.tid);
  }
}
