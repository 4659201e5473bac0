// A user process as the primary's kernel keeps it: identity, family, directories, descriptors, memory, and
// signals.
import { type Blocking, type Coroutine, finish, WaitQueue } from "../coroutine.ts";
import { type CapabilitySets, setsAfterChange, setsAtStart } from "./capability_sets.ts";
import type { Core } from "./core/core.ts";
import { E, fail } from "../errno.ts";
import type { Credential } from "../service.ts";
import { AT } from "../vfs/constants.ts";
import { Private } from "../vfs/protocol.ts";
import { type Description, FileDescription } from "./file/description.ts";
import { type DescriptorTable, releaseUse } from "./file/descriptor_table.ts";
import { defaultLimits, type Limits, RLIMIT } from "./limits.ts";
import type { AddressSpace } from "./memory/address_space.ts";
import { type Location, type MountTable, request } from "./path/mounts.ts";
import { bury } from "./process_end.ts";
import type { ProcessKernel } from "./process_kernel.ts";
import { ProcessTimers } from "./time/process_timers.ts";
import { defaultSettings, type Settings } from "./settings.ts";
import { admits } from "./signal/process_signals.ts";
import { bit, PendingSignals, SI, SIG, SignalActions, type SignalInfo } from "./signal/signal.ts";
import type { Thread } from "./thread.ts";
import type { Tracing } from "./tracing.ts";

/** Where paths begin, and what new files may not have: shared by those made with CLONE_FS. */
export interface Directories {
  root: Location;
  cwd: Location;
  umask: number;
  users: number;
}

/** User and group ids: real, effective and saved. */
export interface Identity {
  ruid: number;
  euid: number;
  suid: number;
  rgid: number;
  egid: number;
  sgid: number;
  groups: number[];
}

/** How a process ended: the number that wait4(2) gives. */
export type WaitStatus = number;

export class Process {
  readonly threads = new Set<Thread>();
  /** the thread that has its number, even when that has ended before the others */
  leader: Thread | undefined;
  /** threads that it traces */
  readonly tracees = new Set<Tracing>();
  readonly children = new Set<Process>();
  /** woken when a child ends, stops or goes on */
  readonly childEvents = new WaitQueue(true);
  /** woken when it has ended, and when somebody has asked how: for descriptors of it */
  readonly endEvents = new WaitQueue(true);
  /** woken when a signal has been queued: for sigtimedwait and signalfd */
  readonly signalEvents = new WaitQueue(true);
  /** woken when one of its threads ends */
  readonly threadsChanged = new WaitQueue();
  /** woken when it ends or gets another program: for vfork */
  readonly memoryLeft = new WaitQueue();
  readonly pending = new PendingSignals();
  actions = new SignalActions();
  limits: Limits = defaultLimits();
  settings: Settings = defaultSettings();
  readonly timers = new ProcessTimers(this);
  group: number;
  session: number;
  /** its status once it is told to end; its threads end as they notice */
  ending: WaitStatus | undefined;
  /** what of it a core is written of, where a signal ends it so */
  core: Core | undefined;
  /** its status once it has ended: a zombie until its parent has asked */
  ended: WaitStatus | undefined;
  /** somebody has been told: its number may be another's by now */
  reaped = false;
  stopped = false;
  /** the signal that stopped it */
  stopSignal = 0;
  /** what a parent has not been told yet: a stop signal, or going on */
  newStop: number | undefined;
  newContinue = false;
  /** sent to the parent at the end; 0 for none (clone) */
  exitSignal: number = SIG.CHLD;
  /** it has run execve: setpgid by its parent is too late */
  executed = false;
  memory: AddressSpace | undefined;
  /** what runs in it, as /proc/PID/exe and cmdline show it */
  executable = "";
  /** nanoseconds of threads that ended, and of children that were waited for */
  userNs = 0;
  systemNs = 0;
  childrenUserNs = 0;
  childrenSystemNs = 0;
  readonly startedNs: number;
  credential: Credential;
  capabilities: CapabilitySets;

  constructor(
    readonly kernel: ProcessKernel,
    readonly pid: number,
    public parent: Process | undefined,
    public name: string,
    public argv: string[],
    public identity: Identity,
    public directories: Directories,
    public files: DescriptorTable,
  ) {
    this.group = parent?.group ?? pid;
    this.session = parent?.session ?? pid;
    this.startedNs = kernel.environment.nowNs();
    this.credential = credentialOf(identity, pid);
    this.capabilities = setsAtStart(identity);
    parent?.children.add(this);
  }

  get mounts(): MountTable {
    return this.kernel.mounts;
  }

  /** nanoseconds that its threads have run */
  get cpuNs(): number {
    let sum = this.userNs + this.systemNs;
    for (const thread of this.threads) sum += thread.cpuNs;
    return sum;
  }

  get ppid(): number {
    return this.parent?.pid ?? 0;
  }

  get root(): Location {
    return this.directories.root;
  }

  get cwd(): Location {
    return this.directories.cwd;
  }

  set cwd(location: Location) {
    this.directories.cwd = location;
  }

  get umask(): number {
    return this.directories.umask;
  }

  set umask(mask: number) {
    this.directories.umask = mask;
  }

  /** Changes who it is; permission checks of later calls see it. */
  setIdentity(change: Partial<Identity>): void {
    const after = { ...this.identity, ...change };
    const keeps = this.settings.keepCapabilities;
    this.capabilities = setsAfterChange(this.capabilities, this.identity, after, keeps);
    this.identity = after;
    this.credential = credentialOf(this.identity, this.pid);
  }

  /** Where a relative path begins. @throws Errno EBADF, ENOTDIR */
  directory(fd: number): Location {
    if (fd === AT.FDCWD) return this.cwd;
    const file = this.description(fd);
    if (!(file instanceof FileDescription) || !file.isDirectory) return fail(E.ENOTDIR);
    return file.location;
  }

  /** @throws Errno EBADF */
  description(fd: number): Description {
    return this.files.get(fd);
  }

  /** A descriptor that must be of a file on a server. @throws Errno EBADF, EINVAL */
  file(fd: number): FileDescription {
    const description = this.files.get(fd);
    return description instanceof FileDescription ? description : fail(E.EINVAL);
  }

  closesOnExec(fd: number): boolean {
    return this.files.closesOnExec(fd);
  }

  setCloseOnExec(fd: number, value: boolean): void {
    this.files.setCloseOnExec(fd, value);
  }

  /** Gives a description the lowest free descriptor from `least` on. @throws Errno EMFILE, EINVAL */
  addDescription(description: Description, closeOnExec: boolean, least = 0): number {
    const limit = this.limits[RLIMIT.NOFILE].soft;
    if (!(least >= 0 && least < limit)) fail(E.EINVAL);
    return this.files.add(description, closeOnExec, least, limit);
  }

  /** Whether `addDescription` finds one. */
  get hasFreeDescriptor(): boolean {
    const limit = this.limits[RLIMIT.NOFILE].soft;
    return this.files.numbers.filter((fd) => fd < limit).length < limit;
  }

  /** Makes `fd` refer to a description, closing what it referred to. @throws Errno EBADF */
  *replace(fd: number, description: Description, closeOnExec: boolean): Coroutine<number> {
    if (!(fd >= 0 && fd < this.limits[RLIMIT.NOFILE].soft)) fail(E.EBADF);
    const old = this.files.replace(fd, description, closeOnExec);
    if (old !== undefined) yield* finish(this.#closed(old));
    return fd;
  }

  /** @throws Errno EBADF */
  close(fd: number): Blocking<void> {
    return this.#closed(this.files.remove(fd));
  }

  /** One that ends does not wait for what SO_LINGER has others wait for. */
  #closed(description: Description): Blocking<void> {
    const { lockedFiles } = this.files;
    if (
      lockedFiles.size > 0 && description instanceof FileDescription &&
      lockedFiles.delete(description.identity)
    ) return this.#closeLocked(description);
    return releaseUse(description, this.ending === undefined);
  }

  /** Closing any descriptor of a file takes the process's locks on it away (fcntl_locking(2)). */
  *#closeLocked(description: FileDescription): Coroutine<void> {
    yield* description.unlock(this.files);
    yield* finish(releaseUse(description));
  }

  get descriptors(): number[] {
    return this.files.numbers;
  }

  /** Another use of a place, for one who keeps it. */
  static *hold(location: Location): Coroutine<Location> {
    yield* request(location.mount.service, Private.HOLD, [location.handle]);
    return { ...location };
  }

  /** Sends it a signal. */
  post(info: SignalInfo): void {
    if (!admits(this, info) || !this.pending.add(info)) return;
    const open = ({ mask, stopped }: Thread) => !stopped && (mask & bit(info.signal)) === 0n;
    for (const thread of this.threads) if (open(thread)) return this.signalled(thread);
    this.signalEvents.wakeAll();
  }

  /** A signal has been queued that a thread may take. */
  signalled(thread: Thread): void {
    this.signalEvents.wakeAll();
    thread.host.attend();
  }

  /** Who traces its first thread, and so hears of its end. */
  get tracer(): Process | undefined {
    return this.leader?.tracing?.tracer;
  }

  /** Has every thread look at what is new. */
  attend(): void {
    for (const thread of [...this.threads]) thread.host.attend();
  }

  /** Tells every thread to end (exit_group(2), or a signal). */
  end(status: WaitStatus): void {
    if (this.ending !== undefined) return;
    this.ending = status;
    this.stopped = false;
    for (const { tracing } of this.threads) tracing?.release();
    this.attend();
  }

  /** A thread has ended; with the last one the process does. */
  threadEnded(thread: Thread, status: WaitStatus): void {
    this.threads.delete(thread);
    thread.tracing?.threadEnded(status);
    this.userNs += thread.userNs;
    this.systemNs += thread.systemNs;
    this.threadsChanged.wakeAll();
    if (this.threads.size > 0) return;
    this.ending ??= status;
    this.kernel.environment.tasks.spawn(bury(this), (_value, failure) => {
      if (failure !== undefined) throw failure;
    });
  }

  /** Gives up its memory: at its end, and when another program takes its place. */
  *leaveMemory(): Coroutine<void> {
    const { memory } = this;
    const shared = [...this.kernel.all].some((each) => each !== this && each.memory === memory);
    if (memory !== undefined && !shared) yield* this.kernel.aio.leave(memory);
    memory?.release();
    this.memory = undefined;
    this.memoryLeft.wakeAll();
  }

  /** Who is told as the sender of a signal. */
  sender(signal: number, code: number = SI.USER): SignalInfo {
    return { signal, code, pid: this.pid, uid: this.identity.ruid };
  }
}

function credentialOf({ euid, egid, groups }: Identity, pid: number): Credential {
  return { uid: euid, gid: egid, groups, pid };
}
