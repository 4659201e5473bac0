// execve(2): another program takes the place of the one that runs.
import { type Coroutine, finish } from "../../kernel/coroutine.ts";
import { E, fail } from "../../kernel/errno.ts";
import { setsAtStart } from "../../kernel/process/capability_sets.ts";
import type { Process } from "../../kernel/process/process.ts";
import { SIG } from "../../kernel/process/signal/signal.ts";
import { tellOfExec } from "../../kernel/process/tracing.ts";
import { AT } from "../../kernel/vfs/constants.ts";
import { type LoadedProgram, loadProgram } from "../elf/load.ts";
import type { GuestHart } from "./guest_hart.ts";
import { GuestThread, NO_RESULT } from "./guest_thread.ts";

export function* execve(
  thread: GuestThread,
  path: string,
  argv: string[],
  environment: string[],
): Coroutine<number> {
  return yield* execveat(thread, AT.FDCWD, path, argv, environment, 0);
}

export function* execveat(
  thread: GuestThread,
  fd: number,
  path: string,
  argv: string[],
  environment: string[],
  flags: number,
): Coroutine<number> {
  const { process } = thread.kernel;
  if ((flags & ~(AT.EMPTY_PATH | AT.SYMLINK_NOFOLLOW)) !== 0) fail(E.EINVAL);
  if (path === "" && (flags & AT.EMPTY_PATH) !== 0) path = `/proc/self/fd/${fd}`;
  const start = path.startsWith("/") ? process.root : process.directory(fd);
  const { vdso } = thread.guest;
  // Linux gives a program that was handed no name an empty one.
  const program = yield* loadProgram(
    process,
    start,
    path,
    argv.length === 0 ? [""] : argv,
    environment,
    vdso,
  );
  yield* endOthers(thread);
  yield* takeOver(thread, program);
  return NO_RESULT;
}

/** The other threads of the process end. */
function* endOthers(thread: GuestThread): Coroutine<void> {
  const { process } = thread.kernel;
  for (const other of [...process.threads]) {
    if (other === thread.kernel || !(other.host instanceof GuestThread)) continue;
    other.host.doomed = true;
    other.tracing?.release();
    other.host.attend();
  }
  while (process.threads.size > 1) yield process.threadsChanged;
}

function* takeOver(thread: GuestThread, program: LoadedProgram): Coroutine<void> {
  const { kernel, guest } = thread;
  const { process } = kernel;
  // Who is watched gets nothing that the watcher has not got.
  const { tracing } = kernel, watched = tracing !== undefined && tracing.tracer.identity.euid !== 0;
  const gains = !process.settings.noNewPrivileges && !watched;
  const euid = gains ? program.euid : undefined, egid = gains ? program.egid : undefined;
  yield* process.leaveMemory();
  process.memory = program.space;
  process.name = kernel.name = program.name;
  process.argv = program.argv;
  process.executable = program.executable;
  process.executed = true;
  process.exitSignal = SIG.CHLD;
  process.actions = process.actions.afterExec();
  process.timers.deleteMade();
  process.settings.keepCapabilities = false;
  process.settings.dumpable = euid === undefined && egid === undefined ? 1 : 0;
  if (euid !== undefined || egid !== undefined) {
    process.setIdentity({
      euid: euid ?? process.identity.euid,
      suid: euid ?? process.identity.euid,
      egid: egid ?? process.identity.egid,
      sgid: egid ?? process.identity.egid,
    });
  }
  process.capabilities = setsAtStart(process.identity, process.capabilities.inheritable);
  kernel.alternateStack = { base: 0n, flags: 2, size: 0n };
  kernel.clearChildTid = 0;
  kernel.robustList = 0;
  const formerTid = kernel.tid;
  guest.processes.lead(kernel);
  thread.become(program.space, program.entry, program.stackPointer);
  if (process.files.users > 1) {
    const files = process.files.fork();
    process.files.users--;
    process.files = files;
  }
  for (const fd of process.descriptors) {
    if (process.closesOnExec(fd)) yield* finish(process.close(fd));
  }
  tellOfExec(kernel, formerTid);
}

/** Starts a program of the manifest in a process that has none yet. @throws Errno */
export function* startProgram(
  guest: GuestHart,
  process: Process,
  path: string,
  argv: string[],
  environment: string[],
): Coroutine<void> {
  const program = yield* loadProgram(
    process,
    process.cwd,
    path,
    argv,
    environment,
    guest.vdso,
  );
  process.memory = program.space;
  process.name = program.name;
  process.argv = program.argv;
  process.executable = program.executable;
  const thread = new GuestThread(guest, guest.processes.startThread(process), program.space);
  thread.become(program.space, program.entry, program.stackPointer);
  thread.start();
}
