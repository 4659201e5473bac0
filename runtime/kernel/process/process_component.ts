// The component `process`: the processes of the machine, the mount table, and the handlers of all
// system calls, by number.
import { callNumber } from "../../../schemas/syscalls.ts";
import type { Component } from "../component.ts";
import type { Coroutine } from "../coroutine.ts";
import type { Environment } from "../environment.ts";
import { Errno } from "../errno.ts";
import type { Service } from "../service.ts";
import type { ProcessView } from "../vfs/procfs.ts";
import type { SystemView } from "../vfs/sysfs.ts";
import type { Disk } from "./sysfs/block_devices.ts";
import { type Hardware, systemTree } from "./sysfs/system_tree.ts";
import { WalkFlag } from "../vfs/protocol.ts";
import { AioTable } from "./aio/aio_table.ts";
import { aioCalls } from "./aio/sys_aio.ts";
import { Cores } from "./core/cores.ts";
import { Clocks } from "./time/clock.ts";
import { DescriptorTable } from "./file/descriptor_table.ts";
import { nameDisks } from "./path/disk_nodes.ts";
import { FutexTable } from "./futex.ts";
import type { Handler, ThreadHandler } from "./handler.ts";
import { LocalFiles } from "./path/local_files.ts";
import { UserMemory } from "./memory/user_memory.ts";
import { type Covered, MountTable } from "./path/mounts.ts";
import { type Identity, Process, type WaitStatus } from "./process.ts";
import type { ProcessKernel } from "./process_kernel.ts";
import { IpcTable } from "./ipc/ipc_table.ts";
import { type MessageQueue, messageQueueCalls, MOST_QUEUES } from "./ipc/message_queues.ts";
import { posixQueueCalls } from "./ipc/sys_posix_queue.ts";
import { MOST_SETS, semaphoreCalls, type SemaphoreSet } from "./ipc/semaphores.ts";
import { MOST_SEGMENTS, type Segment, sharedMemoryCalls } from "./ipc/shared_memory.ts";
import { resolve } from "./path/resolve.ts";
import { capabilityCalls } from "./sys_capability.ts";
import { procTree } from "./proc/proc_tree.ts";
import { eventCalls } from "./event/sys_event.ts";
import { fileCalls } from "./file/sys_file.ts";
import { foreignMemoryCalls } from "./memory/sys_foreign_memory.ts";
import { handleCalls } from "./path/sys_handle.ts";
import { ioctlCalls } from "./file/sys_ioctl.ts";
import { kcmpCalls } from "./sys_kcmp.ts";
import { pidfdCalls } from "./event/sys_pidfd.ts";
import { pollCalls } from "./event/sys_poll.ts";
import { vectorCalls } from "./file/sys_vector.ts";
import { adviceCalls } from "./file/sys_advice.ts";
import { identityCalls } from "./sys_identity.ts";
import { limitCalls, threadLimitCalls } from "./sys_limits.ts";
import { machineCalls } from "./sys_machine.ts";
import { prctlCalls } from "./sys_prctl.ts";
import { scheduleCalls, threadScheduleCalls } from "./sys_schedule.ts";
import { sessionCalls } from "./sys_session.ts";
import { InternetSockets } from "./socket/internet_sockets.ts";
import { socketCalls } from "./socket/sys_socket.ts";
import { UnixNames } from "./socket/unix_names.ts";
import { timeCalls } from "./time/sys_time.ts";
import { timerCalls } from "./time/sys_timer.ts";
import { futexCalls } from "./sys_futex.ts";
import { memoryCalls } from "./memory/sys_memory.ts";
import { openCalls } from "./path/sys_open.ts";
import { pathCalls } from "./path/sys_path.ts";
import { mountCalls } from "./path/sys_mount.ts";
import { processCalls } from "./sys_process.ts";
import { signalCalls } from "./signal/sys_signal.ts";
import { waitCalls } from "./sys_wait.ts";
import { inheritedSettings } from "./settings.ts";
import { Thread } from "./thread.ts";
import type { Tty } from "./tty/tty.ts";

function byNumber<H>(handlers: Record<string, H>): Map<number, H> {
  return new Map(Object.entries(handlers).map(([name, handler]) => [callNumber(name), handler]));
}

/** Handlers of calls that concern a process, by number. */
export const handlers: ReadonlyMap<number, Handler> = byNumber({
  ...openCalls,
  ...fileCalls,
  ...vectorCalls,
  ...adviceCalls,
  ...pollCalls,
  ...eventCalls,
  ...ioctlCalls,
  ...pathCalls,
  ...mountCalls,
  ...processCalls,
  ...memoryCalls,
  ...foreignMemoryCalls,
  ...kcmpCalls,
  ...waitCalls,
  ...identityCalls,
  ...sessionCalls,
  ...capabilityCalls,
  ...limitCalls,
  ...scheduleCalls,
  ...machineCalls,
  ...socketCalls,
  ...sharedMemoryCalls,
  ...semaphoreCalls,
  ...messageQueueCalls,
  ...posixQueueCalls,
  ...aioCalls,
  ...handleCalls,
});

/** Handlers of calls that concern the calling thread. */
export const threadHandlers: ReadonlyMap<number, ThreadHandler> = byNumber({
  ...signalCalls,
  ...pidfdCalls,
  ...futexCalls,
  ...timeCalls,
  ...timerCalls,
  ...threadLimitCalls,
  ...threadScheduleCalls,
  ...prctlCalls,
});

const PTS_PATH = "/dev/pts", QUEUES_PATH = "/dev/mqueue";

/** Highest process number, as /proc/sys/kernel/pid_max has it. */
const PID_MAX = 4_194_304;

const root: Identity = { ruid: 0, euid: 0, suid: 0, rgid: 0, egid: 0, sgid: 0, groups: [] };

export class Processes implements ProcessKernel {
  readonly clocks: Clocks;
  readonly names = { host: "virtuos", domain: "(none)" };
  readonly mounts = new MountTable();
  readonly futexes: FutexTable;
  readonly aio: AioTable;
  readonly cores = new Cores();
  readonly unixNames = new UnixNames();
  readonly internet: InternetSockets | undefined;
  readonly local: LocalFiles;
  readonly ipc = {
    segments: new IpcTable<Segment>(MOST_SEGMENTS),
    semaphores: new IpcTable<SemaphoreSet>(MOST_SETS),
    queues: new IpcTable<MessageQueue>(MOST_QUEUES),
  };
  disks: readonly Disk[] = [];
  readonly terminals = new Map<number, Tty>();
  readonly init: Process;
  /** threads by number; that of a process is its first thread's */
  readonly threads = new Map<number, Thread>();
  readonly #processes = new Map<number, Process>();
  readonly #onEnd = new Map<Process, (status: WaitStatus) => void>();
  #memory: UserMemory | undefined;
  #lastPid = 0;

  /** @param sockets the server of the network slice, where there is one */
  constructor(readonly environment: Environment, sockets?: Service) {
    this.internet = sockets && new InternetSockets(environment, sockets);
    this.local = new LocalFiles(
      environment,
      () => this.all,
      () => this.#memory?.bytes ?? environment.memory.bytes.length,
    );
    this.clocks = new Clocks(environment);
    this.aio = new AioTable(environment.tasks);
    this.futexes = new FutexTable(environment.tasks, environment.nowNs);
    const nowhere = { root: undefined!, cwd: undefined!, umask: 0o022, users: 1 };
    this.init = new Process(
      this,
      this.#newPid(),
      undefined,
      "init",
      ["init"],
      root,
      nowhere,
      new DescriptorTable(),
    );
    this.#processes.set(this.init.pid, this.init);
  }

  /** Gives the machine memory for ELF programs. */
  provideMemory(bytes: number): UserMemory {
    return this.#memory = new UserMemory(bytes, this.environment.tasks);
  }

  get memory(): UserMemory | undefined {
    return this.#memory;
  }

  get all(): Iterable<Process> {
    return this.#processes.values();
  }

  process(pid: number): Process | undefined {
    return this.#processes.get(pid);
  }

  thread(tid: number): Thread | undefined {
    return this.threads.get(tid);
  }

  get lastPid(): number {
    return this.#lastPid;
  }

  #newPid(): number {
    do this.#lastPid = this.#lastPid % PID_MAX + 1; while (
      this.#processes.has(this.#lastPid) || this.threads.has(this.#lastPid)
    );
    return this.#lastPid;
  }

  /** The root of the machine is mounted: init is there. */
  *enterRoot(): Coroutine<void> {
    this.init.directories.root = yield* Process.hold(this.mounts.root);
    this.init.directories.cwd = yield* Process.hold(this.mounts.root);
  }

  /** Pseudo-terminals and message queues are seen by name where /dev has places for them. */
  *mountOwn(): Coroutine<void> {
    yield* this.#mountWhereNamed(PTS_PATH, this.local.ptys.server, "devpts");
    yield* this.#mountWhereNamed(QUEUES_PATH, this.local.queues.server, "mqueue");
  }

  *#mountWhereNamed(path: string, server: Service, type: string): Coroutine<void> {
    const { mounts, init } = this;
    let covers: Covered;
    try {
      covers = yield* resolve(init, mounts.root, path, WalkFlag.DIRECTORY);
    } catch (failure) {
      if (failure instanceof Errno) return;
      throw failure;
    }
    yield* mounts.mount(server, 0, type, path, covers);
  }

  /** Says which disks the machine has. */
  showDisks(disks: readonly Disk[]): Coroutine<void> {
    this.disks = disks;
    return nameDisks(this.mounts, disks);
  }

  /** A process of the manifest: a session of its own, a child of init. */
  *start(name: string, argv: string[], uid: number, gid: number): Coroutine<Process> {
    const directories = {
      root: yield* Process.hold(this.mounts.root),
      cwd: yield* Process.hold(this.mounts.root),
      umask: 0o022,
      users: 1,
    };
    const identity = {
      ruid: uid,
      euid: uid,
      suid: uid,
      rgid: gid,
      egid: gid,
      sgid: gid,
      groups: [],
    };
    const process = new Process(
      this,
      this.#newPid(),
      this.init,
      name,
      argv,
      identity,
      directories,
      new DescriptorTable(),
    );
    process.group = process.session = process.pid;
    this.#processes.set(process.pid, process);
    return process;
  }

  /** A child that begins as a copy; what is shared the caller says. */
  fork(
    parent: Process,
    files: DescriptorTable,
    directories: Process["directories"],
    asSibling: boolean,
  ): Process {
    const child = new Process(
      this,
      this.#newPid(),
      asSibling ? parent.parent : parent,
      parent.name,
      parent.argv,
      parent.identity,
      directories,
      files,
    );
    child.group = parent.group;
    child.session = parent.session;
    child.limits = parent.limits.map((limit) => ({ ...limit }));
    child.timers.limitProcessorTime();
    child.settings = inheritedSettings(parent.settings);
    child.capabilities = parent.capabilities;
    child.credential = { ...parent.credential, pid: child.pid };
    child.executable = parent.executable;
    this.#processes.set(child.pid, child);
    return child;
  }

  /** Another thread of a process; the first one has the number of the process. */
  startThread(process: Process): Thread {
    const tid = process.threads.size === 0 ? process.pid : this.#newPid();
    const thread = new Thread(process, tid, process.name);
    process.leader ??= thread;
    process.threads.add(thread);
    this.threads.set(tid, thread);
    return thread;
  }

  /** The only thread of a process has the process's number (execve(2)). */
  lead(thread: Thread): void {
    const { process } = thread;
    this.threads.delete(thread.tid);
    // The tracer of the one that had it hears no more of that.
    if (process.leader !== thread) process.leader?.tracing?.drop();
    process.leader = thread;
    thread.tid = process.pid;
    this.threads.set(thread.tid, thread);
  }

  /** A thread ends; with the last one its process does. */
  endThread(thread: Thread, status: WaitStatus): void {
    if (thread.ended) return;
    thread.ended = true;
    this.threads.delete(thread.tid);
    thread.process.threadEnded(thread, status);
  }

  /** Calls `ended` once a process is over. */
  whenEnded(process: Process, ended: (status: WaitStatus) => void): void {
    this.#onEnd.set(process, ended);
  }

  buried(process: Process): void {
    this.#onEnd.get(process)?.(process.ended!);
    this.#onEnd.delete(process);
  }

  reaped(process: Process): void {
    this.#processes.delete(process.pid);
  }

  /** What /proc shows. */
  processView(hardware: Hardware): ProcessView {
    return procTree(this, PID_MAX, hardware);
  }

  /** What /sys shows of a machine. */
  systemView(hardware: Hardware): SystemView {
    return systemTree(this.internet, hardware);
  }
}

export function createProcess(
  environment: Environment,
  { sockets }: Record<string, unknown> = {},
): Component {
  const processes = new Processes(environment, sockets as Service | undefined);
  return {
    provides: { syscalls: processes },
    *stop() {
      if (processes.internet !== undefined) yield* processes.internet.settled();
    },
  };
}
